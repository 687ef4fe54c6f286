/*
 * What TCP has beside bytes: several paths, and what the kernel knows of a connection.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "arguments.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#define GOPARK_MPTCP_INFO 1

/* With several paths where that is asked for and the kernel has them, else plain TCP. */
int open_tcp(int family, bool multipath)
{
	if (multipath) {
		int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_MPTCP);
		if (fd >= 0 || errno == EMFILE || errno == ENFILE)
			return fd;
	}
	return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* tcpInfo(slot, out): bytes of struct tcp_info, as long as the kernel's and `out` have them; the rest stays */
static napi_value tcp_information(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	arguments(env, info, 2, values, &slot);
	void *out;
	size_t length;
	if (slot == NULL)
		return number(env, -EBADF);
	if (napi_get_typedarray_info(env, values[1], NULL, &length, &out, NULL, NULL) != napi_ok)
		return number(env, -EFAULT);
	socklen_t size = (socklen_t)length;
	return number(env, getsockopt(slot->fd, IPPROTO_TCP, TCP_INFO, out, &size) < 0 ? -errno : (int64_t)size);
}

/* isMultipath(slot): whether both ends agreed on it; a connection that fell back is plain TCP */
static napi_value is_multipath(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	arguments(env, info, 1, values, &slot);
	char ignored[256];
	socklen_t size = sizeof ignored;
	return number(env, slot != NULL && getsockopt(slot->fd, SOL_MPTCP, GOPARK_MPTCP_INFO, ignored, &size) == 0);
}

const napi_property_descriptor tcp_functions[] = {
	FUNCTION("tcpInfo", tcp_information),
	FUNCTION("isMultipath", is_multipath),
};
const size_t tcp_function_count = sizeof tcp_functions / sizeof *tcp_functions;
