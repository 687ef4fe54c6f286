/*
 * Load for echo servers: DEPTH messages of SIZE bytes under way on each connection, every byte that comes back checked.
 * One thread, epoll.
 *
 *   load-generator PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS [SERVER_PID [PATTERN [bytes|lines [again]]]]
 *
 * PATTERN is one of
 *   closed     an answer makes room for the next message
 *   open:RATE  RATE messages a second in all, whatever becomes of them, to one connection after the other; latency
 *              counts from the instant at which a message was due, so that no stall hides the wait behind it
 *   herd       a message on all connections at once, and the next when all are answered and some time has passed
 * With "lines" a message is text that ends with a line feed. With "again" each line "SECONDS WARM_UP_SECONDS" on standard
 * input asks for another slice of load on the same connections, which are idle until then.
 *
 * It prints a line of JSON for each slice. The CPU time of SERVER_PID in it belongs to the very window that its messages
 * are of.
 */
#define _GNU_SOURCE
#include "../../lib/noise.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 256 * 1024, STREAMING = 16 * 1024 };
/* Between the last answer of a herd and the next; how long answers may take that are due at the end, and how long the
 * first answers on all connections. */
static const int64_t herd_pause = 10 * 1000000, patience = 2000 * 1000000ll, first_patience = 10000 * 1000000ll;

struct connection {
	int fd;
	uint64_t to_send, sent, received; /* bytes */
	int64_t *sent_at;                 /* closed loop: ring of DEPTH instants */
	uint32_t first, under_way;
	uint64_t answered; /* open loop: messages */
	bool blocked;
};

static enum { CLOSED, OPEN, HERD } pattern = CLOSED;
static int epoll, connections;
static struct connection *all;
static size_t size, depth;
/* The message again and again, long enough to compare a whole inbox with it from any place in the first message. */
static uint8_t *stream, *inbox;
static struct histogram latencies;
/* Open loop: of the messages due in each tenth of a second of the window. A pause of the machine spoils one or two. */
static const int64_t tenth = 100 * 1000000;
static struct histogram *tenths;
static int tenths_count;
static bool measuring;
static uint64_t answers; /* in the window */
/* Open loop: message i is due at opened + i * interval. Latencies are of those due in the window. */
static int64_t opened, window_from, window_to;
static double interval;
static uint64_t next_message;
/* Herd: when this one was let loose, when the next will be, how many have no answer. */
static int64_t loose, next_herd;
static int unanswered;
static bool last_herd;
/* Connections that have had an answer. */
static int heard;
/* The slice is over: answers are followed by nothing. */
static bool ending;

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

static int64_t due(uint64_t message)
{
	return opened + (int64_t)(message * interval);
}

static void send_due(int64_t now)
{
	for (; due(next_message) <= now && due(next_message) < window_to; next_message++) {
		struct connection *conn = &all[next_message % connections];
		conn->to_send += size;
		if (!conn->blocked)
			send_some(conn);
	}
}

static void record_open(struct connection *conn, int64_t now)
{
	int64_t since = due(conn->answered++ * connections + (conn - all));
	if (since < window_from || since >= window_to)
		return;
	record(&latencies, now - since);
	record(&tenths[(since - window_from) / tenth], now - since);
}

static void answered(struct connection *conn, uint64_t messages)
{
	int64_t now = now_ns();
	if (measuring)
		answers += messages;
	for (; messages > 0; messages--) {
		if (pattern == OPEN) {
			record_open(conn, now);
			continue;
		}
		if (measuring)
			record(&latencies, now - conn->sent_at[conn->first]);
		conn->first = (conn->first + 1) % depth;
		conn->under_way--;
	}
	if (pattern == HERD && conn->under_way == 0 && --unanswered == 0)
		next_herd = now + herd_pause;
	/* Small pipelined messages go as a batch, or the pipeline would dissolve into single ones. */
	if (pattern == CLOSED && !ending && (conn->under_way == 0 || size * depth > STREAMING))
		refill(conn, now);
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
	uint64_t before = conn->received / size, done = (conn->received + count) / size - before;
	conn->received += count;
	if (done == 0)
		return;
	heard += before == 0;
	answered(conn, done);
}

static void let_herd_loose(void)
{
	loose = now_ns();
	unanswered = connections;
	for (int i = 0; i < connections; i++)
		refill(&all[i], loose);
}

/* Sends what is due; until when there is nothing to send. */
static int64_t take_turn(int64_t now, int64_t end)
{
	if (pattern == OPEN) {
		send_due(now);
		return due(next_message) < end ? due(next_message) : end;
	}
	if (pattern == HERD && unanswered == 0) {
		if (last_herd)
			return end;
		if (next_herd > now)
			return next_herd < end ? next_herd : end;
		let_herd_loose();
	}
	return end;
}

static void run_until(int64_t end, bool (*enough)(void))
{
	struct epoll_event events[EVENTS];
	for (int64_t now = now_ns(); now < end && !(enough != NULL && enough()); now = now_ns()) {
		int64_t idle = take_turn(now, end) - now_ns();
		struct timespec wait = { 0 };
		if (idle > 0)
			wait = (struct timespec){ idle / 1000000000, idle % 1000000000 };
		int count = syscall(SYS_epoll_pwait2, epoll, events, EVENTS, &wait, NULL, 0);
		if (count < 0 && errno == ENOSYS) /* before Linux 5.11: whole milliseconds */
			count = epoll_wait(epoll, events, EVENTS, idle > 0 ? idle / 1000000 : 0);
		for (int i = 0; i < count; i++) {
			struct connection *conn = events[i].data.ptr;
			if (events[i].events & EPOLLOUT)
				send_some(conn);
			if (events[i].events & ~EPOLLOUT)
				receive(conn);
		}
	}
}

static void open_all(int port)
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

static void fill_stream(bool lines)
{
	size_t length = size * depth + size + BUFFER;
	stream = malloc(length);
	inbox = malloc(BUFFER);
	/* The high byte of a product: no short period that would hide a shift. */
	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)((uint32_t)(i % size) * 2654435761u >> 24);
		stream[i] = lines ? (i % size == size - 1 ? '\n' : 'a' + byte % 26) : byte;
	}
}

static void choose_pattern(const char *name)
{
	if (sscanf(name, "open:%lf", &interval) == 1 && interval > 0) {
		pattern = OPEN;
		interval = 1e9 / interval;
	} else if (strcmp(name, "herd") == 0) {
		pattern = HERD;
	} else if (strcmp(name, "closed") != 0) {
		fprintf(stderr, "no pattern \"%s\"\n", name);
		exit(2);
	}
}

static bool all_heard(void)
{
	return heard == connections;
}

static bool herd_is_over(void)
{
	return unanswered == 0;
}

static bool all_answered(void)
{
	for (int i = 0; i < connections; i++)
		if (all[i].received != all[i].sent + all[i].to_send)
			return false;
	return true;
}

/* A message that never got an answer has waited until now at least: left out, it would make a stall look short. */
static uint64_t record_unanswered(void)
{
	uint64_t count = 0;
	int64_t now = now_ns();
	for (int i = 0; i < connections; i++)
		for (; all[i].answered * connections + i < next_message; count++)
			record_open(&all[i], now);
	return count;
}

static int64_t after(int64_t start, double seconds)
{
	return start + (int64_t)(seconds * 1e9);
}

static void begin_slice(double seconds, double warm_up)
{
	latencies = (struct histogram){ 0 };
	answers = next_message = 0;
	ending = last_herd = false;
	opened = now_ns();
	window_from = after(opened, warm_up);
	window_to = after(window_from, seconds);
	if (pattern == OPEN) {
		free(tenths);
		tenths_count = (window_to - window_from) / tenth + 1;
		tenths = calloc(tenths_count, sizeof *tenths);
		if (tenths == NULL)
			die("calloc");
	}
	for (int i = 0; i < connections; i++) {
		all[i].answered = 0;
		if (pattern == CLOSED)
			refill(&all[i], now_ns());
	}
	run_until(window_from, NULL);
	if (pattern != OPEN) {
		/* A crowd may not be complete yet. Nor is part of a herd a herd. */
		run_until(now_ns() + first_patience, pattern == HERD ? herd_is_over : all_heard);
		window_to = after(now_ns(), seconds);
	}
}

/* Whether all was answered in the end: if not, these connections are of no more use. */
static bool run_slice(double seconds, double warm_up, int server)
{
	begin_slice(seconds, warm_up);
	measuring = true;
	struct instant from = look(server);
	run_until(window_to, NULL);
	last_herd = true;
	if (pattern == HERD)
		run_until(now_ns() + first_patience, herd_is_over);
	/* Before our connections close: the server's work for that is no part of a message. */
	struct instant to = look(server);
	measuring = false;
	ending = true;
	uint64_t lost = 0;
	if (pattern == OPEN) {
		send_due(window_to); /* what was due while we looked elsewhere */
		run_until(now_ns() + patience, all_answered);
		lost = record_unanswered();
	} else {
		run_until(now_ns() + first_patience, all_answered); /* idle, before somebody else is measured */
	}
	print_found(answers, size, lost, &latencies, tenths, tenths_count, &from, &to);
	return all_answered();
}

int main(int argc, char **argv)
{
	if (argc < 7 || argc > 11) {
		fprintf(stderr, "usage: load-generator PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS "
				"[SERVER_PID [closed|open:RATE|herd [bytes|lines [again]]]]\n");
		return 2;
	}
	int server = argc > 7 ? atoi(argv[7]) : 0;
	connections = atoi(argv[2]);
	size = strtoul(argv[3], NULL, 10);
	depth = strtoul(argv[4], NULL, 10);
	if (argc > 8)
		choose_pattern(argv[8]);
	fill_stream(argc > 9 && strcmp(argv[9], "lines") == 0);
	prctl(PR_SET_TIMERSLACK, 1); /* the kernel would else add 50 us to each wait */
	epoll = epoll_create1(EPOLL_CLOEXEC);
	all = calloc(connections, sizeof *all);
	open_all(atoi(argv[1]));
	bool usable = run_slice(atof(argv[5]), atof(argv[6]), server), again = argc > 10;
	double seconds, warm_up;
	while (again && usable && scanf("%lf %lf", &seconds, &warm_up) == 2)
		usable = run_slice(seconds, warm_up, server);
	for (int i = 0; i < connections; i++)
		close_by_reset(all[i].fd);
	return 0;
}
