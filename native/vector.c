/*
 * Many buffers of JavaScript's in one system call, none of them copied.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/uio.h>

#include "arguments.h"

/* Gathers buffers[first...], the first one from byte `from` on. The number of vectors, or a negated errno. */
int gather(napi_env env, napi_value buffers, uint32_t first, uint32_t from, struct iovec *vectors, size_t *total)
{
	uint32_t length = 0;
	int used = 0;
	*total = 0;
	if (napi_get_array_length(env, buffers, &length) != napi_ok || first > length)
		return -EFAULT;
	for (uint32_t i = first; i < length && used < VECTORS_MOST; i++, from = 0) {
		napi_value buffer;
		void *memory;
		size_t size;
		if (napi_get_element(env, buffers, i, &buffer) != napi_ok ||
		    napi_get_typedarray_info(env, buffer, NULL, &size, &memory, NULL, NULL) != napi_ok || from > size)
			return -EFAULT;
		if (size == from)
			continue;
		vectors[used].iov_base = (uint8_t *)memory + from;
		vectors[used++].iov_len = size - from;
		*total += size - from;
	}
	return used;
}

/* sendVector(slot, buffers, first, from): count, straight from the callers' memory, at most VECTORS_MOST buffers */
static napi_value send_vector(napi_env env, napi_callback_info info)
{
	size_t count = 4, total;
	napi_value values[4], result;
	driver_t *driver = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	slot_t *slot = slot_argument(driver, env, values[0]);
	uint32_t first = 0, from = 0;
	napi_get_value_uint32(env, values[2], &first);
	napi_get_value_uint32(env, values[3], &from);
	struct iovec vectors[VECTORS_MOST];
	int64_t outcome = slot == NULL ? -EBADF : gather(env, values[1], first, from, vectors, &total);
	if (outcome > 0) {
		struct msghdr message = { .msg_iov = vectors, .msg_iovlen = outcome };
		ssize_t sent;
		do {
			sent = sendmsg(slot->fd, &message, MSG_NOSIGNAL);
		} while (sent < 0 && errno == EINTR);
		outcome = sent < 0 ? -errno : sent;
		if (sent < (ssize_t)total)
			slot->flags &= ~F_WRITABLE;
	}
	napi_create_int64(env, outcome, &result);
	return result;
}

const napi_property_descriptor vector_functions[] = {
	FUNCTION("sendVector", send_vector),
};
const size_t vector_function_count = sizeof vector_functions / sizeof *vector_functions;
