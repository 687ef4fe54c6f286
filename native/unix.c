/*
 * Unix sockets that carry connections, and sockets that somebody else has opened for us. Names are as the kernel
 * wants them: a path, or a zero byte and an abstract name; '' lets the kernel choose an abstract one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "arguments.h"

/* The length of the address, or 0: no name, or one that is too long. */
static socklen_t parse_name(napi_env env, napi_value name, struct sockaddr_un *address)
{
	char text[sizeof address->sun_path + 8];
	size_t length;
	if (napi_get_value_string_utf8(env, name, text, sizeof text, &length) != napi_ok)
		return 0;
	bool abstract = length > 0 && text[0] == 0;
	if (length > sizeof address->sun_path - (abstract ? 0 : 1))
		return 0;
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, text, length);
	/* The length of an abstract name is exact, a path has its zero. */
	return offsetof(struct sockaddr_un, sun_path) + length + (length > 0 && !abstract ? 1 : 0);
}

/* A path that was made for nothing. An abstract name goes with its socket. */
static void remove_path(const struct sockaddr_un *address)
{
	if (address->sun_path[0] != 0)
		unlink(address->sun_path);
}

static int open_socket(bool packets)
{
	return socket(AF_UNIX, (packets ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static napi_value failed(napi_env env, int fd, int error)
{
	close(fd);
	return number(env, -error);
}

/* listenUnix(name, packets, backlog, mode): slot. mode -1: as the process makes files */
static napi_value listen_unix(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	driver_t *driver = arguments(env, info, 4, values, NULL);
	struct sockaddr_un address;
	socklen_t length = parse_name(env, values[0], &address);
	bool packets = int_argument(env, values[1]) != 0;
	int mode = int_argument(env, values[3]);
	if (length == 0)
		return number(env, -EINVAL);
	int fd = open_socket(packets);
	if (fd < 0)
		return number(env, -errno);
	/* Of the socket, before it has a name: the path is made with these, less the umask, and never more open. */
	if ((mode >= 0 && fchmod(fd, mode) < 0) || bind(fd, (struct sockaddr *)&address, length) < 0)
		return failed(env, fd, errno);
	/* What the umask took is given back before anybody can connect. */
	bool path = address.sun_path[0] != 0;
	if ((mode >= 0 && path && chmod(address.sun_path, mode) < 0) || listen(fd, int_argument(env, values[2])) < 0) {
		int error = errno;
		remove_path(&address);
		return failed(env, fd, error);
	}
	int32_t slot = slot_open(driver, fd, packets ? F_PACKETS : 0);
	if (slot < 0)
		remove_path(&address);
	return number(env, slot);
}

/* connectUnix(name, packets, local): slot of a socket whose connect is under way */
static napi_value connect_unix(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	driver_t *driver = arguments(env, info, 3, values, NULL);
	struct sockaddr_un address, local = { .sun_family = AF_UNIX };
	socklen_t length = parse_name(env, values[0], &address);
	bool packets = int_argument(env, values[1]) != 0;
	napi_valuetype type = napi_undefined;
	if (length <= offsetof(struct sockaddr_un, sun_path))
		return number(env, -EINVAL);
	int fd = open_socket(packets);
	if (fd < 0)
		return number(env, -errno);
	napi_typeof(env, values[2], &type);
	if (type == napi_string) {
		socklen_t size = parse_name(env, values[2], &local);
		if (size == 0)
			return failed(env, fd, EINVAL);
		if (bind(fd, (struct sockaddr *)&local, size) < 0)
			return failed(env, fd, errno);
	}
	if (connect(fd, (struct sockaddr *)&address, length) < 0 && errno != EINPROGRESS && errno != EINTR) {
		int error = errno;
		remove_path(&local);
		return failed(env, fd, error);
	}
	int32_t slot = slot_open(driver, fd, F_CONNECTING | (packets ? F_PACKETS : 0));
	if (slot < 0)
		remove_path(&local);
	return number(env, slot);
}

/* unixName(slot, remote): the name of one end, '' for one without, or null */
static napi_value unix_name(napi_env env, napi_callback_info info)
{
	napi_value values[2], result;
	slot_t *slot;
	arguments(env, info, 2, values, &slot);
	struct sockaddr_un address;
	socklen_t length = sizeof address;
	napi_get_null(env, &result);
	if (slot == NULL)
		return result;
	bool remote = int_argument(env, values[1]) != 0;
	if ((remote ? getpeername : getsockname)(slot->fd, (struct sockaddr *)&address, &length) < 0 ||
	    address.sun_family != AF_UNIX)
		return result;
	size_t size = length > offsetof(struct sockaddr_un, sun_path) ? length - offsetof(struct sockaddr_un, sun_path) : 0;
	if (size > sizeof address.sun_path)
		size = sizeof address.sun_path;
	if (size > 0 && address.sun_path[0] != 0)
		size = strnlen(address.sun_path, size);
	napi_create_string_utf8(env, address.sun_path, size, &result);
	return result;
}

/* peerCredentials(slot, out): pid, uid and gid of who connected or listened; 0 or a negated errno */
static napi_value peer_credentials(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	arguments(env, info, 2, values, &slot);
	struct ucred peer;
	socklen_t size = sizeof peer;
	void *out;
	size_t length;
	if (slot == NULL)
		return number(env, -EBADF);
	if (napi_get_typedarray_info(env, values[1], NULL, &length, &out, NULL, NULL) != napi_ok || length < 3)
		return number(env, -EFAULT);
	if (getsockopt(slot->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return number(env, -errno);
	uint32_t words[3] = { (uint32_t)peer.pid, peer.uid, peer.gid };
	memcpy(out, words, sizeof words);
	return number(env, 0);
}

static int int_option(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof value;
	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

/* adoptListener(fd): slot of a listening socket that was opened by somebody else; only on success fd is ours, and gone */
static napi_value adopt_listener(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	driver_t *driver = arguments(env, info, 1, values, NULL);
	int fd = int_argument(env, values[0]);
	int listening = int_option(fd, SO_ACCEPTCONN), type = int_option(fd, SO_TYPE), domain = int_option(fd, SO_DOMAIN);
	if (listening < 0)
		return number(env, listening);
	if (!listening || (type != SOCK_STREAM && type != SOCK_SEQPACKET) ||
	    (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX))
		return number(env, -EINVAL);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return number(env, -errno);
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own < 0)
		return number(env, -errno);
	/* The one who gave it to us has it, too: to close ours does not end its registration. */
	int32_t slot = slot_open(driver, own, F_SHARED | (type == SOCK_SEQPACKET ? F_PACKETS : 0));
	if (slot >= 0)
		close(fd);
	return number(env, slot);
}

/* isPackets(slot): whether its messages have bounds */
static napi_value is_packets(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	return number(env, slot != NULL && slot->flags & F_PACKETS ? 1 : 0);
}

const napi_property_descriptor unix_functions[] = {
	FUNCTION("listenUnix", listen_unix),
	FUNCTION("connectUnix", connect_unix),
	FUNCTION("unixName", unix_name),
	FUNCTION("peerCredentials", peer_credentials),
	FUNCTION("adoptListener", adopt_listener),
	FUNCTION("isPackets", is_packets),
};
const size_t unix_function_count = sizeof unix_functions / sizeof *unix_functions;
