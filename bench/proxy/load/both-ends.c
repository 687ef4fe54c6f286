/*
 * Both ends of a proxy, in one thread: clients that connect to it, and the upstream that it connects to.
 *
 *	both-ends stream|ping PROXY_PORT UPSTREAM_PORT CONNECTIONS SECONDS SETTLING PROXY_PID
 *
 * stream: every client writes blocks of 64 KiB as fast as they go, the upstream reads and forgets. ping: every client
 * sends 64 bytes, waits until the upstream has sent them back, and goes on. Prints what went through in SECONDS, and
 * the CPU time of the proxy's process, as JSON.
 */
#define _GNU_SOURCE
#include "../../lib/cpu-of.h"
#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024, MESSAGE = 64, MOST = 10000, EVENTS = 256 };

static bool ping, is_client[2 * MOST + 64];
static int64_t sent_at[2 * MOST + 64];
static int have[2 * MOST + 64];
static char block[4 * BLOCK];
static uint64_t bytes;
static struct histogram latencies;
static int epoll_fd;

static void watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static int listen_on(int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, MOST) < 0)
		die("the upstream's port");
	return fd;
}

static void accept_all(int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		watch(fd, EPOLLIN);
	}
	if (errno != EAGAIN)
		die("accept");
}

static void say(int fd)
{
	sent_at[fd] = now_ns();
	if (write(fd, block, MESSAGE) != MESSAGE)
		die("a message");
}

/* What one end does when it can; false: it has ended. */
static bool serve(int fd)
{
	if (is_client[fd] && !ping) {
		ssize_t n = write(fd, block, BLOCK);
		return n >= 0 || errno == EAGAIN;
	}
	errno = 0;
	ssize_t n = read(fd, block, ping ? MESSAGE : sizeof block);
	if (n <= 0 && !(n < 0 && errno == EAGAIN) && !is_client[fd]) {
		/* Of a client of the load before this one, gone before the proxy accepted it. Ours would end, too. */
		close(fd);
		return true;
	}
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	if (!is_client[fd]) {
		bytes += n;
		return !ping || write(fd, block, n) == n;
	}
	if ((have[fd] += n) < MESSAGE)
		return true;
	have[fd] = 0;
	record(&latencies, now_ns() - sent_at[fd]);
	say(fd);
	return true;
}

static void run_until(int64_t end, int listener)
{
	struct epoll_event events[EVENTS];
	while (now_ns() < end) {
		int count = epoll_wait(epoll_fd, events, EVENTS, 10);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				accept_all(listener);
			else if (!serve(fd)) {
				fprintf(stderr, "the %s's end of a connection: %s\n", is_client[fd] ? "client" : "upstream",
					strerror(errno));
				exit(1);
			}
		}
	}
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: both-ends stream|ping PROXY UPSTREAM CONNECTIONS SECONDS SETTLING PID\n");
		return 1;
	}
	ping = strcmp(argv[1], "ping") == 0;
	int port = atoi(argv[2]), connections = atoi(argv[4]), pid = atoi(argv[7]);
	double seconds = atof(argv[5]), settling = atof(argv[6]);
	if (connections < 1 || connections > MOST)
		return 1;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int listener = listen_on(atoi(argv[3]));
	watch(listener, EPOLLIN);
	for (int i = 0; i < connections; i++) {
		int fd = connect_from(1, port);
		set_nonblocking(fd);
		is_client[fd] = true;
		watch(fd, ping ? EPOLLIN : EPOLLOUT);
		if (ping)
			say(fd);
	}
	run_until(now_ns() + (int64_t)(settling * 1e9), listener);
	bytes = 0;
	memset(&latencies, 0, sizeof latencies);
	struct cpu before = cpu_of(pid);
	int64_t start = now_ns();
	run_until(start + (int64_t)(seconds * 1e9), listener);
	double elapsed = (now_ns() - start) / 1e9;
	struct cpu cpu = cpu_between(before, cpu_of(pid));
	printf("{\"bytes\":%llu,\"seconds\":%.6f,\"cpu\":%.3f,\"messages\":%llu,\"p50\":%.1f,\"p99\":%.1f}\n",
	       (unsigned long long)bytes, elapsed, cpu.ns / 1000.0, (unsigned long long)latencies.count,
	       percentile_us(&latencies, 0.5), percentile_us(&latencies, 0.99));
	return 0;
}
