/*
 * A closed-loop load for echo servers: each connection keeps DEPTH messages of SIZE bytes under way and checks every
 * byte that comes back. One thread, epoll.
 *
 *   load-generator PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS [SERVER_PID]
 *
 * It prints one line of JSON. The CPU time of SERVER_PID in it belongs to the very window that its messages are of.
 */
#define _GNU_SOURCE
#include "../../lib/cpu-of.h"
#include "../../lib/measure.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS = 512, BUFFER = 256 * 1024, STREAMING = 16 * 1024 };

struct connection {
	int fd;
	uint64_t to_send, sent, received; /* bytes */
	int64_t *sent_at;                 /* ring of DEPTH instants */
	uint32_t first, under_way;
	bool blocked;
};

static int epoll;
static size_t size, depth;
/* The message again and again, long enough to compare a whole inbox with it from any place in the first message. */
static uint8_t *stream, *inbox;
static struct histogram latencies;
static bool measuring;

static void watch_writable(struct connection *conn, bool on)
{
	if (conn->blocked == on)
		return;
	conn->blocked = on;
	struct epoll_event event = { .events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = conn };
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, conn->fd, &event) < 0)
		die("epoll_ctl");
}

static void send_some(struct connection *conn)
{
	while (conn->to_send > 0) {
		size_t offset = conn->sent % size;
		size_t length = size * depth - offset;
		if (length > conn->to_send)
			length = conn->to_send;
		ssize_t sent = send(conn->fd, stream + offset, length, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			die("send");
		if (sent < 0) {
			watch_writable(conn, true);
			return;
		}
		conn->to_send -= sent;
		conn->sent += sent;
	}
	watch_writable(conn, false);
}

/* Brings what is under way to DEPTH messages. */
static void refill(struct connection *conn, int64_t now)
{
	conn->to_send += (depth - conn->under_way) * size;
	while (conn->under_way < depth)
		conn->sent_at[(conn->first + conn->under_way++) % depth] = now;
	send_some(conn);
}

static void receive(struct connection *conn)
{
	ssize_t count = recv(conn->fd, inbox, BUFFER, 0);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count <= 0)
		die("the server ended a connection: recv");
	if (memcmp(inbox, stream + conn->received % size, count) != 0) {
		fprintf(stderr, "an answer differs from its message\n");
		exit(1);
	}
	uint64_t done = (conn->received + count) / size - conn->received / size;
	conn->received += count;
	if (done == 0)
		return;
	int64_t now = now_ns();
	for (; done > 0; done--, conn->first = (conn->first + 1) % depth, conn->under_way--) {
		if (measuring)
			record(&latencies, now - conn->sent_at[conn->first]);
	}
	/* Small pipelined messages go as a batch, or the pipeline would dissolve into single ones. */
	if (conn->under_way == 0 || size * depth > STREAMING)
		refill(conn, now);
}

static void run_until(int64_t end)
{
	struct epoll_event events[EVENTS];
	while (now_ns() < end) {
		int count = epoll_wait(epoll, events, EVENTS, 100);
		for (int i = 0; i < count; i++) {
			struct connection *conn = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				send_some(conn);
			if (events[i].events & ~EPOLLOUT)
				receive(conn);
		}
	}
}

static void open_all(struct connection *all, int connections, int port)
{
	for (int i = 0; i < connections; i++) {
		all[i].fd = connect_from(1, port);
		set_nonblocking(all[i].fd);
		all[i].sent_at = calloc(depth, sizeof(int64_t));
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &all[i] };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) < 0)
			die("epoll_ctl");
	}
}

static void fill_stream(void)
{
	size_t length = size * depth + size + BUFFER;
	stream = malloc(length);
	inbox = malloc(BUFFER);
	/* The high byte of a product: no short period that would hide a shift. */
	for (size_t i = 0; i < length; i++)
		stream[i] = (uint8_t)((uint32_t)(i % size) * 2654435761u >> 24);
}

static int64_t after(int64_t start, const char *seconds)
{
	return start + (int64_t)(atof(seconds) * 1e9);
}

int main(int argc, char **argv)
{
	if (argc != 7 && argc != 8) {
		fprintf(stderr, "usage: load-generator PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS [SERVER_PID]\n");
		return 2;
	}
	int connections = atoi(argv[2]), server = argc == 8 ? atoi(argv[7]) : 0;
	size = strtoul(argv[3], NULL, 10);
	depth = strtoul(argv[4], NULL, 10);
	fill_stream();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct connection *all = calloc(connections, sizeof *all);
	open_all(all, connections, atoi(argv[1]));
	for (int i = 0; i < connections; i++)
		refill(&all[i], now_ns());
	run_until(after(now_ns(), argv[6]));
	measuring = true;
	struct cpu before = cpu_of(server);
	int64_t start = now_ns();
	run_until(after(start, argv[5]));
	double seconds = (now_ns() - start) / 1e9;
	/* Before our connections close: the server's work for that is no part of a message. */
	struct cpu cpu = cpu_between(before, cpu_of(server));
	uint64_t messages = latencies.count;
	printf("{\"messages\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"messagesPerSecond\":%.1f,\"p50\":%.1f,\"p99\":%.1f,",
	       (unsigned long long)messages, (unsigned long long)(messages * size), seconds, messages / seconds,
	       percentile_us(&latencies, 0.5), percentile_us(&latencies, 0.99));
	printf("\"cpu\":%.1f,\"userTicks\":%lld,\"systemTicks\":%lld}\n", cpu.ns / 1e3, cpu.user_ticks,
	       cpu.system_ticks);
	return 0;
}
