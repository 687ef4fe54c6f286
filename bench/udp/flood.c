/*
 * Sends datagrams to 127.0.0.1:PORT for SECONDS: SIZE bytes each, from PEERS sockets in turn, RATE a second (0: as many
 * as it can), BURST in one system call, which the kernel takes apart into datagrams: so that one core can send more
 * than another one receives. Prints how many the kernel took.
 */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

enum { MOST_PEERS = 256, MOST_BURST = 64, LARGEST = 65507 };

static int open_socket(int port, int size)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("socket");
	if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) < 0)
		die("UDP_SEGMENT");
	return fd;
}

static void wait_until(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: flood PORT SECONDS SIZE PEERS RATE BURST\n");
		return 2;
	}
	int size = atoi(argv[3]), peers = atoi(argv[4]), burst = atoi(argv[6]);
	double rate = atof(argv[5]);
	if (size < 1 || size * burst > LARGEST || peers < 1 || peers > MOST_PEERS || burst < 1 || burst > MOST_BURST) {
		fprintf(stderr, "flood: out of range\n");
		return 2;
	}
	static char payload[LARGEST];
	int fds[MOST_PEERS];
	for (int i = 0; i < peers; i++)
		fds[i] = open_socket(atoi(argv[1]), size);
	int64_t start = now_ns(), end = start + (int64_t)(atof(argv[2]) * 1e9);
	uint64_t sent = 0;
	for (int peer = 0; now_ns() < end; peer = (peer + 1) % peers) {
		/* Nobody listens any more, or the kernel is out of buffers: the next ones may go. */
		if (send(fds[peer], payload, (size_t)size * burst, 0) >= 0)
			sent += burst;
		else if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN)
			die("send");
		if (rate > 0)
			wait_until(start + (int64_t)(sent / rate * 1e9));
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}
