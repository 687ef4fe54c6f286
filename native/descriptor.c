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

#include "gopark.h"

/* Flags that say in which list a slot stands; they outlive its owner. */
enum { LIST_FLAGS = F_DIRTY | F_RETRYING };

/* Takes ownership of the descriptor, unless it is a pipe: on failure it is closed. */
int32_t slot_open(driver_t *driver, int fd, int32_t flags)
{
	int32_t index = driver->free_slot;
	if (index >= 0) {
		driver->free_slot = driver->slots[index].want;
	} else if (driver->slots_used < driver->header[H_SLOTS]) {
		index = driver->slots_used++;
		driver->slots[index].generation = 1;
	} else {
		if (!(flags & F_PIPE))
			close(fd);
		return -EMFILE;
	}
	slot_t *slot = &driver->slots[index];
	slot->flags = (slot->flags & LIST_FLAGS) | flags;
	slot->fd = fd;
	slot->want = 0;
	slot->out_head = slot->out_tail = -1;
	slot->out_length = 0;
	slot->peer_family = 0;
	if (driver->ringed && flags & (F_WRITABLE | F_CONNECTING) && !(flags & (F_PACKETS | F_PIPE | F_DATAGRAM))) {
		slot->flags |= F_RING;
		slot->set = 0;
		return index;
	}
	int32_t error = slot_watch(driver, slot, 0);
	if (error < 0) {
		slot_close(driver, slot);
		return error;
	}
	return index;
}

/* Its events come from this set from now on; the first ones tell what is so already. */
int32_t slot_watch(driver_t *driver, slot_t *slot, int32_t set)
{
	struct epoll_event event = {
		/* Once and for all, edge-triggered: no further epoll_ctl in the life of the descriptor. */
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)(uint32_t)slot->generation << 32 | (uint32_t)index_of(driver, slot),
	};
	slot->set = set;
	return epoll_ctl(driver->sets[set].epoll, EPOLL_CTL_ADD, slot->fd, &event) < 0 ? -errno : 0;
}

/* The thread's duplicate keeps the connection open: it must neither send on nor report events. */
static void end_sending(driver_t *driver, slot_t *slot)
{
	struct linger linger = { 0 };
	socklen_t size = sizeof linger;
	epoll_ctl(driver->sets[slot->set].epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	getsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &linger, &size);
	/* With linger 0 the peer is to see a reset and no end: it does when the thread closes the duplicate. */
	if (!linger.l_onoff || linger.l_linger > 0)
		shutdown(slot->fd, SHUT_WR);
}

/* The slot waits for its next owner. */
static void forget(driver_t *driver, slot_t *slot)
{
	slot->fd = -1;
	slot->flags &= LIST_FLAGS;
	slot->out_head = -1;
	slot->out_length = 0;
	slot->generation = slot->generation == INT32_MAX ? 1 : slot->generation + 1;
	slot->want = driver->free_slot;
	driver->free_slot = index_of(driver, slot);
}

void slot_close(driver_t *driver, slot_t *slot)
{
	if (slot->fd < 0)
		return;
	if (slot->flags & F_SENDING)
		end_sending(driver, slot);
	if (slot->flags & (F_SHARED | F_PIPE))
		epoll_ctl(driver->sets[slot->set].epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	if (!(slot->flags & F_PIPE))
		close(slot->fd); /* takes it out of the epoll set, too, where nobody else shares the description */
	forget(driver, slot);
}

/* The descriptor is somebody else's from now on. */
int slot_leave(driver_t *driver, slot_t *slot)
{
	int fd = slot->fd;
	epoll_ctl(driver->sets[slot->set].epoll, EPOLL_CTL_DEL, fd, NULL);
	forget(driver, slot);
	return fd;
}

static void remember_peer(slot_t *slot, const struct sockaddr_storage *address)
{
	slot->peer_family = address->ss_family;
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		slot->peer_port = ntohs(in->sin_port);
		slot->peer_scope = 0;
		memcpy(slot->peer_address, &in->sin_addr, sizeof in->sin_addr);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		slot->peer_port = ntohs(in6->sin6_port);
		slot->peer_scope = in6->sin6_scope_id;
		memcpy(slot->peer_address, &in6->sin6_addr, sizeof in6->sin6_addr);
	}
}

int32_t accept_slot(driver_t *driver, slot_t *listener)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd;
	do {
		length = sizeof address;
		fd = accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* Who gave up before we came is not an error of the listener's. */
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0) {
		if (errno == EAGAIN)
			listener->flags &= ~F_READABLE;
		return -errno;
	}
	int32_t index = slot_open(driver, fd, F_WRITABLE | (listener->flags & F_PACKETS));
	if (index >= 0)
		remember_peer(&driver->slots[index], &address);
	return index;
}

/* Arguments */

static int32_t int_argument(napi_env env, napi_value value)
{
	int32_t number = 0;
	napi_get_value_int32(env, value, &number);
	return number;
}

slot_t *slot_argument(driver_t *driver, napi_env env, napi_value value)
{
	int32_t index = int_argument(env, value);
	if (index < 0 || index >= driver->slots_used || driver->slots[index].fd < 0)
		return NULL;
	return &driver->slots[index];
}

/* Reads the arguments, finds the driver; the slot is the first argument of almost every function. */
static driver_t *arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, slot_t **slot)
{
	driver_t *driver = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	if (slot != NULL)
		*slot = slot_argument(driver, env, values[0]);
	return driver;
}

static napi_value number(napi_env env, int64_t result)
{
	napi_value value;
	napi_create_int64(env, result, &value);
	return value;
}

static int64_t outcome(int64_t result)
{
	return result < 0 ? -errno : result;
}

/* The interface that a zone names, by its name or its number; 0: there is none. */
static uint32_t scope_of(const char *zone)
{
	char *end;
	uint32_t index = if_nametoindex(zone);
	if (index != 0)
		return index;
	unsigned long number = strtoul(zone, &end, 10);
	return *zone != 0 && *end == 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* A numeric address; the resolver has run long before. False: not one. An address of any kind may have a zone. */
static bool parse_address(napi_env env, napi_value host, napi_value port, struct sockaddr_storage *address, socklen_t *length)
{
	char text[128];
	size_t written;
	struct sockaddr_in *in = (void *)address;
	struct sockaddr_in6 *in6 = (void *)address;
	if (napi_get_value_string_utf8(env, host, text, sizeof text, &written) != napi_ok)
		return false;
	uint16_t number = htons((uint16_t)int_argument(env, port));
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		*length = sizeof *in;
		return true;
	}
	char *zone = strchr(text, '%');
	if (zone != NULL)
		*zone++ = 0;
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = number;
	/* Of an unknown one the kernel makes an error where it needs one: for link-local addresses. */
	if (zone != NULL)
		in6->sin6_scope_id = scope_of(zone);
	*length = sizeof *in6;
	return true;
}

static napi_value address_text(napi_env env, const struct sockaddr_storage *address, socklen_t length)
{
	char host[128], port[16], text[160];
	napi_value value;
	if (getnameinfo((const void *)address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		napi_get_null(env, &value);
		return value;
	}
	int written = snprintf(text, sizeof text, "%s %s", host, port);
	napi_create_string_utf8(env, text, written, &value);
	return value;
}

/* Functions of the addon */

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
	epoll_ctl(driver->sets[slot->set].epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	return number(env, slot_watch(driver, slot, set));
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

#define FUNCTION(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default, NULL }

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
	FUNCTION("socketPair", socket_pair),
	FUNCTION("close", close_slot),
	FUNCTION("setOption", set_option),
	FUNCTION("getOption", get_option),
	FUNCTION("localAddress", local_address),
	FUNCTION("remoteAddress", remote_address),
};
const size_t descriptor_function_count = sizeof descriptor_functions / sizeof *descriptor_functions;
