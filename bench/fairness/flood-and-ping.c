/*
 * One connection that sends without end beside one that exchanges 64 bytes at a time, in one thread, so that the two
 * take no core from each other.
 *
 *   flood-and-ping FLOOD_PORT PING_PORT SECONDS WARM_UP_SECONDS
 *
 * FLOOD_PORT 0: no flood. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

/* One send while the other connection waits: some 20 us. */
enum { CHUNK = 64 * 1024, PING = 64 };

static uint8_t chunk[CHUNK], ping[PING], answer[PING];
static struct histogram latencies;
static uint64_t flooded;
static int epoll, flood_fd = -1, ping_fd;
static size_t have;
static int64_t pinged_at;

static void watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	set_nonblocking(fd);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void send_ping(void)
{
	pinged_at = now_ns();
	have = 0;
	if (send(ping_fd, ping, PING, MSG_NOSIGNAL) != PING)
		die("send of a ping");
}

static void on_answer(bool measuring)
{
	ssize_t count = recv(ping_fd, answer + have, PING - have, 0);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count <= 0)
		die("the server ended the pinging connection: recv");
	have += count;
	if (have < PING)
		return;
	if (memcmp(answer, ping, PING) != 0) {
		fprintf(stderr, "an answer differs from its message\n");
		exit(1);
	}
	if (measuring)
		record(&latencies, now_ns() - pinged_at);
	send_ping();
}

static void flood(void)
{
	ssize_t sent = send(flood_fd, chunk, CHUNK, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		die("send of the flood");
	if (sent > 0)
		flooded += sent;
}

static void run_until(int64_t end, bool measuring)
{
	struct epoll_event events[2];
	while (now_ns() < end) {
		int count = epoll_wait(epoll, events, 2, 100);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == ping_fd)
				on_answer(measuring);
			else
				flood();
		}
	}
	/* An answer that is late at the end counts as late, not as missing. */
	if (measuring)
		record(&latencies, now_ns() - pinged_at);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: flood-and-ping FLOOD_PORT PING_PORT SECONDS WARM_UP_SECONDS\n");
		return 2;
	}
	memset(ping, 'p', PING);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	ping_fd = connect_from(1, atoi(argv[2]));
	watch(ping_fd, EPOLLIN);
	if (atoi(argv[1]) != 0) {
		flood_fd = connect_from(1, atoi(argv[1]));
		watch(flood_fd, EPOLLOUT);
	}
	send_ping();
	run_until(now_ns() + (int64_t)(atof(argv[4]) * 1e9), false);
	uint64_t before = flooded;
	int64_t start = now_ns();
	run_until(start + (int64_t)(atof(argv[3]) * 1e9), true);
	double seconds = (now_ns() - start) / 1e9;
	printf("{\"pings\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f,\"flood\":%.0f}\n",
	       (unsigned long long)latencies.count, percentile_us(&latencies, 0.5), percentile_us(&latencies, 0.99),
	       latencies.largest / 1e3, (flooded - before) / seconds);
	return 0;
}
