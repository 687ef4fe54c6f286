/*
 * Descriptors: sockets are opened, configured, read, written and closed here, one system call per function where
 * that is possible. Every function takes a slot and returns a count or a negated errno; what to do about an error
 * is decided in TypeScript.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arguments.h"

/* listen(host, port, backlog, reusePort, ipv6Only, multipath): slot */
static napi_value listen_tcp(napi_env env, napi_callback_info info)
{
	napi_value values[6];
	driver_t *driver = arguments(env, info, 6, values, NULL);
	struct sockaddr_storage address;
	socklen_t length;
	if (!parse_address(env, values[0], values[1], &address, &length))
		return number(env, -EINVAL);
	int fd = open_tcp(address.ss_family, int_argument(env, values[5]) != 0);
	if (fd < 0)
		return number(env, -errno);
	int on = 1, only = int_argument(env, values[4]);
	bool reuse_port = int_argument(env, values[3]) != 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) ||
	    (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0) ||
	    bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, int_argument(env, values[2])) < 0) {
		int error = errno;
		close(fd);
		return number(env, -error);
	}
	return number(env, slot_open(driver, fd, 0));
}

/* connect(host, port, multipath, localHost, localPort): slot of a socket whose connect is under way */
static napi_value connect_tcp(napi_env env, napi_callback_info info)
{
	napi_value values[5];
	driver_t *driver = arguments(env, info, 5, values, NULL);
	struct sockaddr_storage address, local;
	socklen_t length, local_length;
	if (!parse_address(env, values[0], values[1], &address, &length))
		return number(env, -EINVAL);
	int fd = open_tcp(address.ss_family, int_argument(env, values[2]) != 0);
	if (fd < 0)
		return number(env, -errno);
	int error = 0;
	napi_valuetype local_type = napi_undefined;
	napi_typeof(env, values[3], &local_type);
	if (local_type == napi_string) {
		int on = 1;
		if (!parse_address(env, values[3], values[4], &local, &local_length))
			error = EINVAL;
		else if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0 ||
			 bind(fd, (struct sockaddr *)&local, local_length) < 0)
			error = errno;
	}
	/* An interrupted connect goes on in the background like one in progress. */
	if (error == 0 && connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS && errno != EINTR)
		error = errno;
	if (error != 0) {
		close(fd);
		return number(env, -error);
	}
	/* Registered only now: an unconnected socket would report a hang-up. */
	return number(env, slot_open(driver, fd, F_CONNECTING));
}

/* accept(slot): slot */
static napi_value accept_now(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 1, values, &slot);
	return number(env, slot == NULL ? -EBADF : accept_slot(driver, slot));
}

static int64_t receive_now(slot_t *slot, void *memory, size_t size)
{
	ssize_t count = slot_receive(slot, memory, size);
	if (count < (ssize_t)size && !(slot->flags & F_SHORT_MEANS_NOTHING))
		slot->flags &= ~F_READABLE;
	if (count < 0 && errno == EAGAIN)
		slot->flags &= ~F_READABLE;
	return outcome(count);
}

/* receiveInto(slot, p, from, to): count, straight into the caller's memory */
static napi_value receive_into(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	slot_t *slot;
	arguments(env, info, 4, values, &slot);
	void *memory;
	size_t length;
	if (slot == NULL)
		return number(env, -EBADF);
	int32_t from = int_argument(env, values[2]), to = int_argument(env, values[3]);
	if (napi_get_typedarray_info(env, values[1], NULL, &length, &memory, NULL, NULL) != napi_ok || from < 0 || from > to ||
	    (size_t)to > length)
		return number(env, -EFAULT);
	return number(env, receive_now(slot, (uint8_t *)memory + from, to - from));
}

/* receive(slot, offset, size): count, into the slab */
static napi_value receive_slab(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 3, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	return number(env, receive_now(slot, driver->slab + int_argument(env, values[1]), int_argument(env, values[2])));
}

/* peek(slot): 1 bytes wait, 0 end of stream, or a negated errno. Consumes nothing. */
static napi_value peek(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	char byte;
	if (slot == NULL)
		return number(env, -EBADF);
	int64_t result = slot->flags & F_PIPE ? pipe_peek(slot->fd) : outcome(receive_bytes(slot->fd, &byte, 1, MSG_PEEK));
	if (result == -EAGAIN)
		slot->flags &= ~F_READABLE;
	return number(env, result);
}

/* send(slot, p, from, to): count, straight from the caller's memory */
static napi_value send_from(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	slot_t *slot;
	arguments(env, info, 4, values, &slot);
	void *memory;
	size_t length;
	if (slot == NULL)
		return number(env, -EBADF);
	int32_t from = int_argument(env, values[2]), to = int_argument(env, values[3]);
	if (napi_get_typedarray_info(env, values[1], NULL, &length, &memory, NULL, NULL) != napi_ok || from < 0 || from > to ||
	    (size_t)to > length)
		return number(env, -EFAULT);
	ssize_t count = slot_send(slot, (uint8_t *)memory + from, to - from);
	if (count < to - from)
		slot->flags &= ~F_WRITABLE;
	return number(env, outcome(count));
}

/* flushSlot(slot): bytes of its chain that went, or a negated errno */
static napi_value flush_one(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 1, values, &slot);
	return number(env, slot == NULL ? -EBADF : flush_slot(driver, slot, &driver->header[H_UNSENT]));
}

/* assign(slot, set): from now on its events come from that poller set */
static napi_value assign(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 2, values, &slot);
	int32_t set = int_argument(env, values[1]);
	if (slot == NULL)
		return number(env, -EBADF);
	if (set < 0 || set >= driver->set_count)
		return number(env, -EINVAL);
	if (set == slot->set)
		return number(env, 0);
	if (slot->flags & F_RING) {
		slot->set = set;
		return number(env, 0);
	}
	slot_unwatch(driver, slot);
	/* A set without room: sooner or later the first one has some. */
	if (slot_watch(driver, slot, set) < 0)
		list_newcomer(driver, slot);
	return number(env, 0);
}

/* retry(slot): a stream that was resumed with bytes waiting: no event will tell of them */
static napi_value retry(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 1, values, &slot);
	if (slot != NULL)
		retry_later(driver, slot);
	return NULL;
}

/* shutdown(slot, how) */
static napi_value shut_down(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	arguments(env, info, 2, values, &slot);
	return number(env, slot == NULL ? -EBADF : outcome(shutdown(slot->fd, int_argument(env, values[1]))));
}

/* socketError(slot): the negated errno that the socket has to tell, once, or 0: how a connect has ended */
static napi_value socket_error(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	int error = EBADF;
	socklen_t length = sizeof error;
	if (slot != NULL && getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	return number(env, -error);
}

/* ringConnections(): those opened from now on are in no epoll set */
static napi_value ring_connections(napi_env env, napi_callback_info info)
{
	arguments(env, info, 0, NULL, NULL)->ringed = true;
	return NULL;
}

/*
 * watchRoom(slot): an event of the epoll set tells, once, that a connection of a ring has room. A ring's own poll always
 * tells of a half closed peer, too, again and again. 0 or a negated errno.
 */
static napi_value watch_room(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 1, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	struct epoll_event event = {
		.events = EPOLLOUT | EPOLLONESHOT,
		.data.u64 = (uint64_t)(uint32_t)slot->generation << 32 | (uint32_t)index_of(driver, slot),
	};
	int set = driver->sets[0].epoll;
	int result = epoll_ctl(set, EPOLL_CTL_MOD, slot->fd, &event);
	if (result < 0 && errno == ENOENT)
		result = epoll_ctl(set, EPOLL_CTL_ADD, slot->fd, &event);
	return number(env, outcome(result));
}

/* socketPair(out): two connected descriptors, the caller's; 0 or a negated errno */
static napi_value socket_pair(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	size_t length;
	void *out;
	int pair[2];
	arguments(env, info, 1, values, NULL);
	if (napi_get_typedarray_info(env, values[0], NULL, &length, &out, NULL, NULL) != napi_ok || length < 2)
		return number(env, -EFAULT);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return number(env, -errno);
	memcpy(out, pair, sizeof pair);
	return number(env, 0);
}

/* close(slot) */
static napi_value close_slot(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = arguments(env, info, 1, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	slot_close(driver, slot);
	return number(env, 0);
}

/* In the order of SOCKET_OPTIONS in src/poll/drivers/epoll/native.ts. */
static const struct { int level, name; } options[] = {
	{ IPPROTO_TCP, TCP_NODELAY },  { SOL_SOCKET, SO_KEEPALIVE },	{ IPPROTO_TCP, TCP_KEEPIDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL }, { IPPROTO_TCP, TCP_KEEPCNT }, { SOL_SOCKET, SO_LINGER },
	{ SOL_SOCKET, SO_RCVBUF },     { SOL_SOCKET, SO_SNDBUF },	{ IPPROTO_IP, IP_TOS },
	{ IPPROTO_IPV6, IPV6_TCLASS }, { IPPROTO_TCP, TCP_USER_TIMEOUT }, { IPPROTO_TCP, TCP_FASTOPEN },
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

/* setOption(slot, option, value, second?): with a second value both make one option, as struct linger does */
static napi_value set_option(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	slot_t *slot;
	arguments(env, info, 4, values, &slot);
	int32_t option = int_argument(env, values[1]);
	if (slot == NULL)
		return number(env, -EBADF);
	if (option < 0 || option >= OPTION_COUNT)
		return number(env, -EINVAL);
	napi_valuetype type = napi_undefined;
	napi_typeof(env, values[3], &type);
	int value[2] = { int_argument(env, values[2]), int_argument(env, values[3]) };
	socklen_t size = type == napi_number ? sizeof value : sizeof value[0];
	return number(env, outcome(setsockopt(slot->fd, options[option].level, options[option].name, value, size)));
}

/* getOption(slot, option): its first number. Only for options that cannot be negative. */
static napi_value get_option(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	arguments(env, info, 2, values, &slot);
	int32_t option = int_argument(env, values[1]);
	if (slot == NULL)
		return number(env, -EBADF);
	if (option < 0 || option >= OPTION_COUNT)
		return number(env, -EINVAL);
	int value[2] = { 0 };
	socklen_t size = sizeof value;
	int result = getsockopt(slot->fd, options[option].level, options[option].name, value, &size);
	return number(env, result < 0 ? -errno : value[0]);
}

/* localAddress(slot): 'host port' or null */
static napi_value local_address(napi_env env, napi_callback_info info)
{
	napi_value values[1], none;
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	if (slot != NULL && getsockname(slot->fd, (struct sockaddr *)&address, &length) == 0)
		return address_text(env, &address, length);
	napi_get_null(env, &none);
	return none;
}

/* remoteAddress(slot): 'host port' or null. For accepted sockets it answers also after the peer has gone. */
static napi_value remote_address(napi_env env, napi_callback_info info)
{
	napi_value values[1], none;
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	napi_get_null(env, &none);
	if (slot == NULL)
		return none;
	if (slot->peer_family == AF_INET) {
		struct sockaddr_in *in = (void *)&address;
		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(slot->peer_port) };
		memcpy(&in->sin_addr, slot->peer_address, sizeof in->sin_addr);
		return address_text(env, &address, sizeof *in);
	}
	if (slot->peer_family == AF_INET6) {
		struct sockaddr_in6 *in6 = (void *)&address;
		*in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons(slot->peer_port), .sin6_scope_id = slot->peer_scope
		};
		memcpy(&in6->sin6_addr, slot->peer_address, sizeof in6->sin6_addr);
		return address_text(env, &address, sizeof *in6);
	}
	if (getpeername(slot->fd, (struct sockaddr *)&address, &length) == 0)
		return address_text(env, &address, length);
	return none;
}

const napi_property_descriptor descriptor_functions[] = {
	FUNCTION("listen", listen_tcp),
	FUNCTION("connect", connect_tcp),
	FUNCTION("accept", accept_now),
	FUNCTION("receive", receive_slab),
	FUNCTION("receiveInto", receive_into),
	FUNCTION("peek", peek),
	FUNCTION("send", send_from),
	FUNCTION("flushSlot", flush_one),
	FUNCTION("shutdown", shut_down),
	FUNCTION("assign", assign),
	FUNCTION("retry", retry),
	FUNCTION("socketError", socket_error),
	FUNCTION("ringConnections", ring_connections),
	FUNCTION("watchRoom", watch_room),
	FUNCTION("socketPair", socket_pair),
	FUNCTION("close", close_slot),
	FUNCTION("setOption", set_option),
	FUNCTION("getOption", get_option),
	FUNCTION("localAddress", local_address),
	FUNCTION("remoteAddress", remote_address),
};
const size_t descriptor_function_count = sizeof descriptor_functions / sizeof *descriptor_functions;
