/*
 * What node:fs lacks for files. Descriptors are Node's own here, by number; a result is a count, 0 or a negated errno.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "gopark.h"

/* lock(fd): an exclusive lock for as long as the descriptor is open; -EAGAIN: somebody else has it */
static napi_value lock_file(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value, result;
	int32_t fd = -1;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_int32(env, value, &fd);
	int status;
	do {
		status = flock(fd, LOCK_EX | LOCK_NB);
	} while (status < 0 && errno == EINTR);
	napi_create_int32(env, status < 0 ? -errno : 0, &result);
	return result;
}

/* One copy on a thread of libuv's. */
typedef struct {
	napi_async_work work;
	napi_ref callback;
	int32_t from, to;
	int64_t from_offset, to_offset, length;
	int64_t result;
} copy_t;

static void copy_now(napi_env env, void *data)
{
	(void)env;
	copy_t *copy = data;
	off_t from = copy->from_offset, to = copy->to_offset;
	ssize_t count;
	do {
		count = copy_file_range(copy->from, &from, copy->to, &to, (size_t)copy->length, 0);
	} while (count < 0 && errno == EINTR);
	copy->result = count < 0 ? -errno : count;
}

static void copied(napi_env env, napi_status status, void *data)
{
	copy_t *copy = data;
	napi_value callback, global, result;
	napi_get_reference_value(env, copy->callback, &callback);
	napi_get_global(env, &global);
	napi_create_int64(env, status == napi_ok ? copy->result : -ECANCELED, &result);
	napi_delete_reference(env, copy->callback);
	napi_delete_async_work(env, copy->work);
	free(copy);
	napi_call_function(env, global, callback, 1, &result, NULL);
}

/* copyRange(from, fromOffset, to, toOffset, length, callback): at most so many bytes; the callback gets the count */
static napi_value copy_range(napi_env env, napi_callback_info info)
{
	size_t count = 6;
	napi_value values[6], name, result;
	copy_t *copy = calloc(1, sizeof *copy);
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_create_int32(env, copy == NULL ? -ENOMEM : 0, &result);
	if (copy == NULL)
		return result;
	napi_get_value_int32(env, values[0], &copy->from);
	napi_get_value_int64(env, values[1], &copy->from_offset);
	napi_get_value_int32(env, values[2], &copy->to);
	napi_get_value_int64(env, values[3], &copy->to_offset);
	napi_get_value_int64(env, values[4], &copy->length);
	napi_create_reference(env, values[5], 1, &copy->callback);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, copy_now, copied, copy, &copy->work);
	napi_queue_async_work(env, copy->work);
	return result;
}

#define FUNCTION(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default, NULL }

const napi_property_descriptor file_functions[] = {
	FUNCTION("lock", lock_file),
	FUNCTION("copyRange", copy_range),
};
const size_t file_function_count = sizeof file_functions / sizeof *file_functions;
