/* What the load programs share: time, dying, connecting, and a histogram of latencies. */
#ifndef MEASURE_H
#define MEASURE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { SUB_BUCKETS = 64, BUCKETS = 40 * SUB_BUCKETS };

/* Logarithmic buckets with at least 32 steps an octave: within 3.2 %. */
struct histogram {
	uint64_t buckets[BUCKETS], count, largest;
};

static inline int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A connection to 127.0.0.1:PORT from 127.0.0.SOURCE: each source has 28,000 ports of its own. */
static inline int connect_from(int source, int port)
{
	struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + source) };
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	if (fd < 0)
		die("socket");
	/* Without this option bind would take a port before it knows the peer, and run out of them. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
	if (source > 1 && bind(fd, (struct sockaddr *)&from, sizeof from) < 0)
		die("bind");
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static inline void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
}

static inline void record(struct histogram *histogram, uint64_t ns)
{
	int octave = ns < SUB_BUCKETS ? 0 : 63 - __builtin_clzll(ns) - 5;
	int bucket = octave * (SUB_BUCKETS / 2) + (int)(ns >> octave);
	histogram->buckets[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	histogram->count++;
	if (ns > histogram->largest)
		histogram->largest = ns;
}

static inline double percentile_us(const struct histogram *histogram, double share)
{
	uint64_t seen = 0;
	for (int i = 0; i < BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen == 0 || seen < share * histogram->count)
			continue;
		int octave = i < SUB_BUCKETS ? 0 : i / (SUB_BUCKETS / 2) - 1;
		return (double)((uint64_t)(i - octave * (SUB_BUCKETS / 2)) << octave) / 1000;
	}
	return 0;
}

#endif
