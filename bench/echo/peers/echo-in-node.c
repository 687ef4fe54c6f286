/*
 * What the event loop of Node costs without any JavaScript: echo-server.c once more, as an addon. libuv watches each
 * connection, and its callback is what that server does with one that is readable. Nothing that runs on this loop can
 * be cheaper where connections come one by one.
 *
 * Its only function, `listen`, returns the port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <string.h>

#include "../../../native/uv-subset.h"
#include "../../lib/measure.h"

enum { BUFFER = 64 * 1024, WRITABLE = 2 };

struct connection {
	int fd;
	/* What a full socket buffer refused. */
	uint8_t *bytes;
	size_t from, to;
	uv_poll_t *poll;
};

static uv_loop_t *loop;
static int listener;
static uint8_t buffer[BUFFER];

static void on_ready(uv_poll_t *poll, int status, int events);

static uv_poll_t *watcher(int fd, void *data)
{
	uv_poll_t *poll = malloc(uv_handle_size(GOPARK_UV_POLL));
	if (poll == NULL || uv_poll_init(loop, poll, fd) != 0)
		die("uv_poll_init");
	uv_handle_set_data((uv_handle_t *)poll, data);
	return poll;
}

static void on_closed(uv_handle_t *poll)
{
	free(poll);
}

static void drop(struct connection *conn)
{
	uv_close((uv_handle_t *)conn->poll, on_closed);
	close(conn->fd);
	free(conn->bytes);
	free(conn);
}

static bool send_all(struct connection *conn, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t sent = send(conn->fd, buffer + done, length - done, MSG_NOSIGNAL);
		if (sent >= 0) {
			done += sent;
		} else if (errno == EAGAIN) {
			conn->from = 0;
			conn->to = length - done;
			conn->bytes = realloc(conn->bytes, conn->to);
			memcpy(conn->bytes, buffer + done, conn->to);
			uv_poll_start(conn->poll, WRITABLE, on_ready);
			return true;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

static bool on_writable(struct connection *conn)
{
	ssize_t sent = send(conn->fd, conn->bytes + conn->from, conn->to - conn->from, MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR;
	conn->from += sent;
	if (conn->from == conn->to)
		uv_poll_start(conn->poll, GOPARK_UV_READABLE, on_ready);
	return true;
}

static bool on_readable(struct connection *conn)
{
	ssize_t received = recv(conn->fd, buffer, BUFFER, 0);
	if (received < 0)
		return errno == EAGAIN || errno == EINTR;
	return received > 0 && send_all(conn, received);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct connection *conn = uv_handle_get_data((uv_handle_t *)poll);
	if (status < 0 || !(events & WRITABLE ? on_writable(conn) : on_readable(conn)))
		drop(conn);
}

static void on_waiting(uv_poll_t *poll, int status, int events)
{
	(void)poll, (void)status, (void)events;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		int on = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		struct connection *conn = calloc(1, sizeof *conn);
		if (conn == NULL)
			die("calloc");
		conn->fd = fd;
		conn->poll = watcher(fd, conn);
		uv_poll_start(conn->poll, GOPARK_UV_READABLE, on_ready);
	}
}

static napi_value start(napi_env env, napi_callback_info info)
{
	(void)info;
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	napi_value port;
	napi_get_uv_event_loop(env, &loop);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&address, &length);
	uv_poll_start(watcher(listener, NULL), GOPARK_UV_READABLE, on_waiting);
	napi_create_int32(env, ntohs(address.sin_port), &port);
	return port;
}

NAPI_MODULE_INIT()
{
	napi_value function;
	napi_create_function(env, "listen", NAPI_AUTO_LENGTH, start, NULL, &function);
	napi_set_named_property(env, exports, "listen", function);
	return exports;
}
