/*
 * A write that the disk is to have before anybody goes on: both system calls in one go of a thread, for a journal's
 * batch costs less in the disk than on the way to the thread and back.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gopark.h"

typedef struct {
	napi_async_work work;
	napi_ref callback;
	napi_ref buffers;
	int32_t fd;
	int64_t position; /* -1: where the descriptor stands, or appended */
	size_t total;
	bool whole; /* no more buffers than the kernel takes in one call */
	int64_t written; /* or a negated errno */
	int32_t synced;  /* 0, or a negated errno: why the disk does not have it; -ECANCELED: it was not asked */
	int used;
	struct iovec vectors[];
} durable_t;

static void write_now(napi_env env, void *data)
{
	(void)env;
	durable_t *write = data;
	ssize_t written;
	do {
		written = write->position < 0 ? writev(write->fd, write->vectors, write->used)
					      : pwritev(write->fd, write->vectors, write->used, write->position);
	} while (written < 0 && errno == EINTR);
	write->written = written < 0 ? -errno : written;
	/* The rest of a short write comes with a call of its own. */
	if (written < 0 || (size_t)written < write->total || !write->whole)
		return;
	int status;
	do {
		status = fdatasync(write->fd);
	} while (status < 0 && errno == EINTR);
	write->synced = status < 0 ? -errno : 0;
}

static void written(napi_env env, napi_status status, void *data)
{
	durable_t *write = data;
	napi_value callback, global, results[2];
	napi_get_reference_value(env, write->callback, &callback);
	napi_get_global(env, &global);
	napi_create_int64(env, status == napi_ok ? write->written : -ECANCELED, &results[0]);
	napi_create_int32(env, write->synced, &results[1]);
	napi_delete_reference(env, write->callback);
	napi_delete_reference(env, write->buffers);
	napi_delete_async_work(env, write->work);
	free(write);
	napi_call_function(env, global, callback, 2, results, NULL);
}

/*
 * writeAndSync(fd, buffers, position, callback): writes all that goes into one call, on a thread, and makes the disk have
 * it if that was all. The callback gets the count or a negated errno, and 0 or the negated errno of the disk: -ECANCELED
 * where it was not asked.
 */
static napi_value write_and_sync(napi_env env, napi_callback_info info)
{
	size_t count = 4;
	napi_value values[4], name, result;
	uint32_t length = 0;
	int32_t begun = -ENOMEM;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_array_length(env, values[1], &length);
	bool whole = length <= VECTORS_MOST;
	if (!whole)
		length = VECTORS_MOST;
	durable_t *write = calloc(1, sizeof *write + length * sizeof *write->vectors);
	if (write != NULL) {
		write->synced = -ECANCELED;
		write->whole = whole;
		napi_get_value_int32(env, values[0], &write->fd);
		napi_get_value_int64(env, values[2], &write->position);
		begun = gather(env, values[1], 0, 0, write->vectors, &write->total);
		if (begun < 0) {
			free(write);
		} else {
			write->used = begun;
			/* Also their memory stays where it is until the thread is through. */
			napi_create_reference(env, values[1], 1, &write->buffers);
			napi_create_reference(env, values[3], 1, &write->callback);
			napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
			napi_create_async_work(env, NULL, name, write_now, written, write, &write->work);
			napi_queue_async_work(env, write->work);
			begun = 0;
		}
	}
	napi_create_int32(env, begun, &result);
	return result;
}

const napi_property_descriptor durable_functions[] = {
	{ "writeAndSync", NULL, write_and_sync, NULL, NULL, NULL, napi_default, NULL },
};
const size_t durable_function_count = sizeof durable_functions / sizeof *durable_functions;
