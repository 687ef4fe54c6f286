/*
 * Sends datagrams to 127.0.0.1:PORT for SECONDS: SIZE bytes each, from PEERS sockets in turn, RATE a second (0: as many
 * as it can), BURST in one system call: TOGETHER as one piece, which the kernel takes apart into datagrams where the
 * receiver does not, or else each by itself. Prints how many the kernel took.
 */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

enum { MOST_PEERS = 256, MOST_BURST = 64, LARGEST = 65507 };

static int open_socket(int port, int segment)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("socket");
	if (segment > 0 && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
		die("UDP_SEGMENT");
	return fd;
}

static void wait_until(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

/* How many of the burst went; 0: none now. */
static int send_burst(int fd, const struct iovec *vector, struct mmsghdr *messages, int burst, int together)
{
	if (!together)
		return sendmmsg(fd, messages, burst, 0);
	return send(fd, vector->iov_base, vector->iov_len * burst, 0) < 0 ? -1 : burst;
}

int main(int argc, char **argv)
{
	if (argc != 8) {
		fprintf(stderr, "usage: flood PORT SECONDS SIZE PEERS RATE BURST TOGETHER\n");
		return 2;
	}
	int size = atoi(argv[3]), peers = atoi(argv[4]), burst = atoi(argv[6]), together = atoi(argv[7]);
	double rate = atof(argv[5]);
	if (size < 1 || size * burst > LARGEST || peers < 1 || peers > MOST_PEERS || burst < 1 || burst > MOST_BURST) {
		fprintf(stderr, "flood: out of range\n");
		return 2;
	}
	static char payload[LARGEST];
	int fds[MOST_PEERS];
	struct iovec vector = { payload, size };
	struct mmsghdr messages[MOST_BURST];
	memset(messages, 0, sizeof messages);
	for (int i = 0; i < burst; i++) {
		messages[i].msg_hdr.msg_iov = &vector;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < peers; i++)
		fds[i] = open_socket(atoi(argv[1]), together ? size : 0);
	int64_t start = now_ns(), end = start + (int64_t)(atof(argv[2]) * 1e9);
	uint64_t sent = 0;
	for (int peer = 0; now_ns() < end; peer = (peer + 1) % peers) {
		int count = send_burst(fds[peer], &vector, messages, burst, together);
		/* Nobody listens any more, or the kernel is out of buffers: the next ones may go. */
		if (count > 0)
			sent += count;
		else if (errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN)
			die("send");
		if (rate > 0)
			wait_until(start + (int64_t)(sent / rate * 1e9));
	}
	printf("%llu\n", (unsigned long long)sent);
	return 0;
}
