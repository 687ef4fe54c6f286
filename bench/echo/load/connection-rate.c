/*
 * Connects, sends a message, waits for its echo, resets the connection; CONNECTIONS of these at a time. Each comes from
 * another of 200 loopback addresses, and a reset leaves no port waiting: otherwise ports would run out.
 *
 *   connection-rate PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS SERVER_PID     (DEPTH is not used)
 *
 * It prints one line of JSON; a "message" is a connection from connect to the last byte of its echo.
 */
#define _GNU_SOURCE
#include "../../lib/noise.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 512, SOURCES = 200 };

struct visit {
	int fd;
	int64_t since;
	size_t received;
};

static int epoll, port;
static size_t size;
static uint8_t *message, *inbox;
static uint64_t visits, done;
static struct histogram latencies;
static bool measuring;

static void begin(struct visit *visit)
{
	visit->since = now_ns();
	visit->received = 0;
	visit->fd = connect_from(2 + visits++ % SOURCES, port);
	if (send(visit->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
		die("send");
	set_nonblocking(visit->fd);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = visit };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, visit->fd, &event) < 0)
		die("epoll_ctl");
}

/* Whether the visit is over. */
static bool receive(struct visit *visit)
{
	ssize_t count = recv(visit->fd, inbox, size - visit->received, 0);
	if (count < 0 && errno == EAGAIN)
		return false;
	if (count <= 0)
		die("the server ended a connection: recv");
	if (memcmp(inbox, message + visit->received, count) != 0) {
		fprintf(stderr, "an answer differs from its message\n");
		exit(1);
	}
	visit->received += count;
	return visit->received == size;
}

static void run_until(int64_t end)
{
	struct epoll_event events[EVENTS];
	while (now_ns() < end) {
		int count = epoll_wait(epoll, events, EVENTS, 100);
		for (int i = 0; i < count; i++) {
			struct visit *visit = events[i].data.ptr;
			if (!receive(visit))
				continue;
			close_by_reset(visit->fd);
			if (measuring) {
				done++;
				record(&latencies, now_ns() - visit->since);
			}
			begin(visit);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 8) {
		fprintf(stderr,
			"usage: connection-rate PORT CONNECTIONS SIZE DEPTH SECONDS WARM_UP_SECONDS SERVER_PID\n");
		return 2;
	}
	int connections = atoi(argv[2]), server = atoi(argv[7]);
	port = atoi(argv[1]);
	size = strtoul(argv[3], NULL, 10);
	message = calloc(1, size);
	inbox = malloc(size);
	for (size_t i = 0; i < size; i++)
		message[i] = (uint8_t)(i * 37);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	struct visit *all = calloc(connections, sizeof *all);
	for (int i = 0; i < connections; i++)
		begin(&all[i]);
	run_until(now_ns() + (int64_t)(atof(argv[6]) * 1e9));
	measuring = true;
	struct instant from = look(server);
	run_until(from.at + (int64_t)(atof(argv[5]) * 1e9));
	struct instant to = look(server);
	print_found(done, size, 0, &latencies, NULL, 0, &from, &to);
	for (int i = 0; i < connections; i++)
		close_by_reset(all[i].fd);
	return 0;
}
