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
#include <unistd.h>

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

/* A listener on 127.0.0.1 whose port has been printed. */
static inline int listen_on_any_port(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&address, &length);
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return listener;
}

static inline void set_nonblocking(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		die("fcntl");
}

/* Closing it leaves nothing behind: no port that has to wait, but a reset for the peer. */
static inline void close_by_reset(int fd)
{
	struct linger none = { .l_onoff = 1, .l_linger = 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	close(fd);
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

/* The smallest value of a bucket, in nanoseconds. */
static inline uint64_t bucket_ns(int i)
{
	int octave = i < SUB_BUCKETS ? 0 : i / (SUB_BUCKETS / 2) - 1;
	return (uint64_t)(i - octave * (SUB_BUCKETS / 2)) << octave;
}

static inline double percentile_us(const struct histogram *histogram, double share)
{
	uint64_t seen = 0;
	for (int i = 0; i < BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen == 0 || seen < share * histogram->count)
			continue;
		return bucket_ns(i) / 1000.0;
	}
	return 0;
}

/* The middle one of the 99th percentiles of those that hold something, in microseconds. */
static inline double middle_p99_us(const struct histogram *histograms, int count)
{
	double p99s[count + 1];
	int filled = 0;
	for (int i = 0; i < count; i++) {
		if (histograms[i].count == 0)
			continue;
		int at = filled++;
		double p99 = percentile_us(&histograms[i], 0.99);
		for (; at > 0 && p99s[at - 1] > p99; at--)
			p99s[at] = p99s[at - 1];
		p99s[at] = p99;
	}
	return filled == 0 ? 0 : (p99s[(filled - 1) / 2] + p99s[filled / 2]) / 2;
}

/* Members of a JSON object: how many there were, percentiles in microseconds, and the filled buckets as pairs of
 * microseconds and a count. */
static inline void print_latencies(const struct histogram *histogram)
{
	printf("\"count\":%llu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,\"histogram\":[",
	       (unsigned long long)histogram->count, percentile_us(histogram, 0.5), percentile_us(histogram, 0.99),
	       percentile_us(histogram, 0.999), histogram->largest / 1000.0);
	const char *comma = "";
	for (int i = 0; i < BUCKETS; i++) {
		if (histogram->buckets[i] == 0)
			continue;
		printf("%s[%.3f,%llu]", comma, bucket_ns(i) / 1000.0, (unsigned long long)histogram->buckets[i]);
		comma = ",";
	}
	printf("]");
}

#endif
