/*
 * A herd: connections that say nothing, and then something all at once.
 *
 *   herd PORT CONNECTIONS
 *
 * Connects, prints "held"; for each line on standard input sends a message on every connection and prints "sent"; for the
 * next line receives and checks all answers, and prints a line of JSON: how long from that line to the answers, in
 * microseconds. Connections beyond 20,000 come from further addresses.
 */
#include "../../lib/measure.h"
#include <string.h>
#include <sys/epoll.h>

enum { PER_SOURCE = 20000, MESSAGE = 16, EVENTS = 512 };

static char message[MESSAGE + 4];
static int *fds, *have;
static int connections, epoll;

static void await_line(void)
{
	char line[16];
	if (fgets(line, sizeof line, stdin) == NULL)
		exit(0);
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
}

static void receive_all(int64_t since, struct histogram *latencies)
{
	struct epoll_event events[EVENTS];
	char answer[MESSAGE];
	for (int left = connections; left > 0;) {
		int count = epoll_wait(epoll, events, EVENTS, 10000);
		if (count <= 0)
			die("answers are missing: epoll_wait");
		for (int i = 0; i < count; i++) {
			int which = events[i].data.u32;
			ssize_t got = recv(fds[which], answer, MESSAGE - have[which], 0);
			if (got <= 0)
				die("the server ended a connection: recv");
			if (memcmp(answer, message + have[which], got) != 0) {
				fprintf(stderr, "an answer differs from its message\n");
				exit(1);
			}
			have[which] += got;
			if (have[which] < MESSAGE)
				continue;
			have[which] = 0;
			left--;
			record(latencies, now_ns() - since);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: herd PORT CONNECTIONS\n");
		return 2;
	}
	connections = atoi(argv[2]);
	fds = calloc(connections, sizeof *fds);
	have = calloc(connections, sizeof *have);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < connections; i++) {
		fds[i] = connect_from(1 + i / PER_SOURCE, atoi(argv[1]));
		struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
			die("epoll_ctl");
	}
	say("held");
	for (int round = 0;; round++) {
		await_line();
		snprintf(message, sizeof message, "round %9u\n", (unsigned)round % 1000000000);
		for (int i = 0; i < connections; i++) {
			if (send(fds[i], message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
				die("send");
		}
		say("sent");
		await_line();
		static struct histogram latencies;
		memset(&latencies, 0, sizeof latencies);
		receive_all(now_ns(), &latencies);
		printf("{\"p50\":%.1f,\"p99\":%.1f,\"last\":%.1f}\n", percentile_us(&latencies, 0.5),
		       percentile_us(&latencies, 0.99), latencies.largest / 1e3);
		fflush(stdout);
	}
}
