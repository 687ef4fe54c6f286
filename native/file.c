/*
 * What node:fs lacks for files. Descriptors are Node's own here, by number; a result is 0 or a negated errno.
 */
#include <sys/file.h>

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

#define FUNCTION(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default, NULL }

const napi_property_descriptor file_functions[] = {
	FUNCTION("lock", lock_file),
};
const size_t file_function_count = sizeof file_functions / sizeof *file_functions;
