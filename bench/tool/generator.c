/*
 * What `gopark bench` is checked against: another load on an echo server that shares nothing with it. Every latency is
 * kept and the percentiles are those of the sorted array. One thread, epoll.
 *
 *   generator PORT CONNECTIONS SIZE DEPTH RATE SECONDS WARM_UP_SECONDS [SLEEPS]
 *
 * RATE 0: a closed loop, each answer is followed by the next message, DEPTH under way on each connection. Else an open
 * loop: so many messages a second, evenly, connections in turn; latency counts from when a message was due. It prints
 * one line of JSON, times in microseconds.
 *
 * It never sleeps, unless it is told to. In an open loop no timer is exact enough. In a closed one a load that is faster than the server would
 * fall asleep after every message, and to wake it up is the server's work: measured on a virtual machine, that made
 * node:net a sixth slower than under a load that is as busy as itself.
 */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

enum { EVENTS = 512, BUFFER = 256 * 1024, MOST_UNDER_WAY = 1 << 14 };

struct connection {
	int fd;
	uint64_t received;
	int64_t since[MOST_UNDER_WAY]; /* ring: from when the latency of what is under way counts */
	uint32_t first, under_way;
};

static int epoll;
static size_t size, depth;
static uint8_t *message, *inbox;
static struct connection *all;
static int connections;
static int64_t *latencies;
static size_t count, room;
static int64_t from, until; /* the window */
static uint64_t answered;
static int open_loop, patience_ms;

static void add(struct connection *conn, int64_t since)
{
	if (conn->under_way == MOST_UNDER_WAY) {
		fprintf(stderr, "the server does not answer\n");
		exit(1);
	}
	conn->since[(conn->first + conn->under_way++) % MOST_UNDER_WAY] = since;
}

static void send_all(struct connection *conn, size_t messages)
{
	for (size_t length = messages * size, sent = 0; sent < length;) {
		ssize_t some = send(conn->fd, message + sent % size, length - sent, MSG_NOSIGNAL);
		if (some < 0 && errno != EAGAIN)
			die("send");
		if (some > 0)
			sent += some;
	}
}

static void keep(int64_t ns)
{
	if (count == room) {
		room = room ? 2 * room : 1 << 16;
		latencies = realloc(latencies, room * sizeof *latencies);
		if (latencies == NULL)
			die("realloc");
	}
	latencies[count++] = ns;
}

static void receive(struct connection *conn)
{
	ssize_t length = recv(conn->fd, inbox, BUFFER, 0);
	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0)
		die("the server ended a connection: recv");
	uint64_t done = (conn->received + length) / size - conn->received / size;
	conn->received += length;
	int64_t now = now_ns();
	for (uint64_t i = 0; i < done; i++) {
		int64_t since = conn->since[conn->first];
		conn->first = (conn->first + 1) % MOST_UNDER_WAY;
		conn->under_way--;
		int inside = now >= from && now < until;
		answered += inside;
		if (open_loop ? since >= from && since < until : inside)
			keep(now - since);
	}
	if (open_loop || now >= until)
		return;
	size_t more = depth - conn->under_way;
	for (size_t i = 0; i < more; i++)
		add(conn, now);
	send_all(conn, more);
}

static void poll_once(void)
{
	struct epoll_event events[EVENTS];
	int found = epoll_wait(epoll, events, EVENTS, patience_ms);
	for (int i = 0; i < found; i++)
		receive(events[i].data.ptr);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The smallest one that at least this share of all does not exceed. */
static double percentile(double share)
{
	size_t rank = (size_t)(share * count + 0.5);
	return count == 0 ? 0 : latencies[rank == 0 ? 0 : rank - 1] / 1000.0;
}

static size_t waiting(void)
{
	size_t sum = 0;
	for (int i = 0; i < connections; i++)
		sum += all[i].under_way;
	return sum;
}

int main(int argc, char **argv)
{
	if (argc != 8 && argc != 9) {
		fprintf(stderr, "usage: generator PORT CONNECTIONS SIZE DEPTH RATE SECONDS WARM_UP_SECONDS [SLEEPS]\n");
		return 2;
	}
	connections = atoi(argv[2]);
	size = strtoul(argv[3], NULL, 10);
	depth = strtoul(argv[4], NULL, 10);
	double rate = atof(argv[5]);
	open_loop = rate > 0;
	patience_ms = argc == 9 && !open_loop ? 100 : 0;
	message = calloc(2, size * (depth + 1));
	inbox = malloc(BUFFER);
	all = calloc(connections, sizeof *all);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < connections; i++) {
		all[i].fd = connect_from(1, atoi(argv[1]));
		set_nonblocking(all[i].fd);
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &all[i] };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].fd, &event) < 0)
			die("epoll_ctl");
	}
	int64_t start = now_ns();
	from = start + (int64_t)(atof(argv[7]) * 1e9);
	until = from + (int64_t)(atof(argv[6]) * 1e9);
	if (!open_loop) {
		for (int i = 0; i < connections; i++) {
			for (size_t k = 0; k < depth; k++)
				add(&all[i], start);
			send_all(&all[i], depth);
		}
	}
	double interval = open_loop ? 1e9 / rate : 0;
	uint64_t sent = 0;
	for (int64_t now = start; now < until; now = now_ns()) {
		for (; open_loop; sent++) {
			int64_t due = start + (int64_t)((sent + 1) * interval);
			if (due > now || due >= until)
				break;
			struct connection *conn = &all[sent % connections];
			add(conn, due);
			send_all(conn, 1);
			now = now_ns();
		}
		poll_once();
	}
	for (int64_t patience = until + 5000000000; waiting() > 0 && now_ns() < patience;)
		poll_once();
	qsort(latencies, count, sizeof *latencies, by_size);
	double seconds = (until - from) / 1e9;
	printf("{\"answered\":%llu,\"rate\":%.1f,\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,\"unanswered\":%zu}\n",
	       (unsigned long long)answered, answered / seconds, percentile(0.5), percentile(0.99), percentile(0.999),
	       waiting());
	return 0;
}
