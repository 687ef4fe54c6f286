/*
 * The batches of a journal: written, and where that is asked for on the disk before anybody goes on, in one go of a
 * thread. Such a batch costs less in the disk than on the way to the thread and back, so that the way is made once,
 * and what carries a batch is made once for many.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "gopark.h"

typedef struct {
	napi_async_work work;
	napi_ref done;
	bool running, orphaned;
	int32_t fd;
	int64_t position; /* -1: where the descriptor stands, or appended */
	size_t total;
	bool syncs;
	int64_t written; /* or a negated errno */
	int32_t synced;  /* 0, or a negated errno: why the disk does not have it; -ECANCELED: it was not asked */
	int used, room;
	struct iovec *vectors;
} carrier_t;

static void write_now(napi_env env, void *data)
{
	(void)env;
	carrier_t *carrier = data;
	ssize_t written;
	do {
		written = carrier->position < 0
				  ? writev(carrier->fd, carrier->vectors, carrier->used)
				  : pwritev(carrier->fd, carrier->vectors, carrier->used, carrier->position);
	} while (written < 0 && errno == EINTR);
	carrier->written = written < 0 ? -errno : written;
	/* The rest of a short write comes with a call of its own. */
	if (!carrier->syncs || written < 0 || (size_t)written < carrier->total)
		return;
	int status;
	do {
		status = fdatasync(carrier->fd);
	} while (status < 0 && errno == EINTR);
	carrier->synced = status < 0 ? -errno : 0;
}

static void free_carrier(napi_env env, carrier_t *carrier)
{
	napi_delete_reference(env, carrier->done);
	napi_delete_async_work(env, carrier->work);
	free(carrier->vectors);
	free(carrier);
}

static void written(napi_env env, napi_status status, void *data)
{
	carrier_t *carrier = data;
	napi_value done, global, results[2];
	carrier->running = false;
	if (carrier->orphaned) {
		free_carrier(env, carrier);
		return;
	}
	napi_get_reference_value(env, carrier->done, &done);
	napi_get_global(env, &global);
	napi_create_int64(env, status == napi_ok ? carrier->written : -ECANCELED, &results[0]);
	napi_create_int32(env, carrier->synced, &results[1]);
	napi_call_function(env, global, done, 2, results, NULL);
}

/* Nobody can use it any more. */
static void abandon(napi_env env, void *data, void *hint)
{
	(void)hint;
	carrier_t *carrier = data;
	if (carrier->running)
		carrier->orphaned = true;
	else
		free_carrier(env, carrier);
}

/* carrier(done): carries one batch at a time; undefined when there is no memory. */
static napi_value make_carrier(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value done, name, result = NULL;
	napi_get_cb_info(env, info, &count, &done, NULL, NULL);
	carrier_t *carrier = calloc(1, sizeof *carrier);
	if (carrier == NULL)
		return NULL;
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_create_reference(env, done, 1, &carrier->done);
	napi_create_async_work(env, NULL, name, write_now, written, carrier, &carrier->work);
	if (napi_create_external(env, carrier, abandon, NULL, &result) != napi_ok)
		free_carrier(env, carrier);
	return result;
}

static int32_t load(napi_env env, carrier_t *carrier, napi_value buffers)
{
	uint32_t length = 0;
	if (napi_get_array_length(env, buffers, &length) != napi_ok)
		return -EFAULT;
	int needed = length < VECTORS_MOST ? (int)length : VECTORS_MOST;
	if (needed > carrier->room) {
		struct iovec *vectors = realloc(carrier->vectors, needed * sizeof *vectors);
		if (vectors == NULL)
			return -ENOMEM;
		carrier->vectors = vectors;
		carrier->room = needed;
	}
	carrier->used = gather(env, buffers, 0, 0, carrier->vectors, &carrier->total);
	/* More than goes into one call is not all of it, so that there is nothing to sync yet. */
	if (length > VECTORS_MOST)
		carrier->syncs = false;
	return carrier->used < 0 ? carrier->used : 0;
}

/*
 * carry(carrier, fd, buffers, position, syncs): writes all that goes into one call, on a thread, and makes the disk have
 * it if that was all and `syncs`. 0: the carrier's function will get the count or a negated errno, and 0 or the negated
 * errno of the disk: -ECANCELED where it was not asked. Until then the caller keeps `buffers`. Or a negated errno.
 */
static napi_value carry(napi_env env, napi_callback_info info)
{
	size_t count = 5;
	napi_value values[5], result;
	carrier_t *carrier = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_value_external(env, values[0], (void **)&carrier);
	int32_t begun = carrier->running ? -EBUSY : 0;
	if (begun == 0) {
		carrier->synced = -ECANCELED;
		napi_get_value_int32(env, values[1], &carrier->fd);
		napi_get_value_int64(env, values[3], &carrier->position);
		napi_get_value_bool(env, values[4], &carrier->syncs);
		begun = load(env, carrier, values[2]);
	}
	if (begun == 0) {
		carrier->running = true;
		napi_queue_async_work(env, carrier->work);
	}
	napi_create_int32(env, begun, &result);
	return result;
}

const napi_property_descriptor batch_functions[] = {
	{ "carrier", NULL, make_carrier, NULL, NULL, NULL, napi_default, NULL },
	{ "carry", NULL, carry, NULL, NULL, NULL, napi_default, NULL },
};
const size_t batch_function_count = sizeof batch_functions / sizeof *batch_functions;
