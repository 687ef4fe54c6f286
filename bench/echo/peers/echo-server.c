/*
 * The floor of the echo benchmark: a plain epoll server in C. Level-triggered, one thread, recv, send, recv, send.
 *
 *   echo-server echo           one send for what one recv brought
 *   echo-server per-message N  one send for each N bytes of it
 *   echo-server lines          one send for the whole lines in it, each of them found
 *
 * It prints its port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>

#include "../../lib/measure.h"

enum { BUFFER = 64 * 1024, EVENTS = 512, MAX_FD = 65536 };

/* What a full socket buffer refused, per descriptor. */
static struct pending {
	uint8_t *bytes;
	size_t from, to;
} pending[MAX_FD];

/* The beginning of a line whose end has not come, per descriptor. */
static struct partial {
	uint8_t *bytes;
	size_t length;
} partial[MAX_FD];

static int epoll;
static bool lines;
static uint8_t buffer[BUFFER];
static size_t message_size; /* 0: answer whole reads */

static void watch(int fd, uint32_t events, int operation)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	if (epoll_ctl(epoll, operation, fd, &event) < 0)
		die("epoll_ctl");
}

static void drop(int fd)
{
	free(pending[fd].bytes);
	pending[fd] = (struct pending){ 0 };
	free(partial[fd].bytes);
	partial[fd] = (struct partial){ 0 };
	close(fd);
}

static bool send_all(int fd, const uint8_t *bytes, size_t length)
{
	while (length > 0) {
		size_t piece = message_size != 0 && message_size < length ? message_size : length;
		ssize_t sent = send(fd, bytes, piece, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent < 0) {
			struct pending *rest = &pending[fd];
			rest->bytes = realloc(rest->bytes, length);
			memcpy(rest->bytes, bytes, length);
			rest->from = 0;
			rest->to = length;
			watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
			return true;
		}
		bytes += sent;
		length -= sent;
	}
	return true;
}

static bool on_writable(int fd)
{
	struct pending *rest = &pending[fd];
	ssize_t sent = send(fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	rest->from += sent;
	if (rest->from == rest->to)
		watch(fd, EPOLLIN, EPOLL_CTL_MOD);
	return true;
}

/* Keeps what follows the last whole line for the next time. */
static void keep(int fd, const uint8_t *bytes, size_t length)
{
	struct partial *rest = &partial[fd];
	if (length > 0) {
		rest->bytes = realloc(rest->bytes, length);
		memcpy(rest->bytes, bytes, length);
	}
	rest->length = length;
}

static bool on_lines(int fd)
{
	size_t have = partial[fd].length, whole = 0;
	if (have == BUFFER)
		return false;
	if (have > 0)
		memcpy(buffer, partial[fd].bytes, have);
	ssize_t received = recv(fd, buffer + have, BUFFER - have, 0);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR;
	if (received == 0)
		return false;
	have += received;
	for (const uint8_t *end; (end = memchr(buffer + whole, '\n', have - whole)) != NULL;)
		whole = end + 1 - buffer;
	keep(fd, buffer + whole, have - whole);
	return send_all(fd, buffer, whole);
}

static bool on_readable(int fd)
{
	if (lines)
		return on_lines(fd);
	ssize_t received = recv(fd, buffer, BUFFER, 0);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR;
	return received > 0 && send_all(fd, buffer, received);
}

static void accept_all(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (fd >= MAX_FD)
			close(fd);
		else
			watch(fd, EPOLLIN, EPOLL_CTL_ADD);
	}
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "per-message") == 0)
		message_size = strtoul(argv[2], NULL, 10);
	lines = argc > 1 && strcmp(argv[1], "lines") == 0;
	int listener = listen_on_any_port();
	set_nonblocking(listener);
	epoll = epoll_create1(0);
	watch(listener, EPOLLIN, EPOLL_CTL_ADD);
	struct epoll_event events[EVENTS];
	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);
		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				accept_all(listener);
			else if (!(events[i].events & EPOLLOUT ? on_writable(fd) : on_readable(fd)))
				drop(fd);
		}
	}
}
