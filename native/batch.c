/*
 * The batches of a journal: written, and where that is asked for on the disk before anybody goes on, in one go of a
 * thread. Such a batch costs less in the disk than on the way to the thread and back. So the thread is the carrier's
 * own, with nothing to lock and nobody else to wake.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arguments.h"

enum { STACK = 256 * 1024 };

/* What a thread finds to do, in the word that it sleeps on; and whether somebody sleeps on it until that is done. */
enum { LOADED = 1, ENDING = 2, AWAITED = 4 };

typedef struct {
	napi_env env;
	napi_async_cleanup_hook_handle cleanup;
	napi_async_context async_context;
	napi_ref done, outcome_memory;
	double *outcome; /* JavaScript's: what `written` and `synced` were */
	pthread_t thread;
	int32_t word;
	int told; /* an eventfd: how the thread says that it is done */
	uv_poll_t *poll;
	bool running, closing;
	/* One batch: the thread's while the word has LOADED. */
	int32_t fd;
	int64_t position; /* -1: where the descriptor stands, or appended */
	size_t total;
	bool syncs;
	int64_t written; /* or a negated errno */
	int32_t synced;  /* 0, or a negated errno: why the disk does not have it; -ECANCELED: it was not asked */
	int used, room;
	struct iovec *vectors;
} carrier_t;

static void write_now(carrier_t *carrier)
{
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

static void *run(void *data)
{
	carrier_t *carrier = data;
	const uint64_t one = 1;
	prctl(PR_SET_NAME, "gopark-batch");
	for (;;) {
		int32_t word = __atomic_load_n(&carrier->word, __ATOMIC_ACQUIRE);
		if (word & LOADED) {
			write_now(carrier);
			if (__atomic_fetch_and(&carrier->word, ~LOADED, __ATOMIC_RELEASE) & AWAITED)
				syscall(SYS_futex, &carrier->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
			/* It never gets full. */
			while (write(carrier->told, &one, sizeof one) < 0 && errno == EINTR)
				;
		} else if (word & ENDING) {
			return NULL;
		} else {
			syscall(SYS_futex, &carrier->word, FUTEX_WAIT_PRIVATE, word, NULL, NULL, 0);
		}
	}
}

static void tell_thread(carrier_t *carrier, int32_t what)
{
	__atomic_fetch_or(&carrier->word, what, __ATOMIC_RELEASE);
	syscall(SYS_futex, &carrier->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void on_told(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	carrier_t *carrier = uv_handle_get_data((uv_handle_t *)handle);
	uint64_t times;
	napi_handle_scope scope;
	if (read(carrier->told, &times, sizeof times) < 0 || __atomic_load_n(&carrier->word, __ATOMIC_ACQUIRE) & LOADED)
		return;
	carrier->running = false;
	uv_unref((uv_handle_t *)handle);
	if (carrier->closing || napi_open_handle_scope(carrier->env, &scope) != napi_ok)
		return;
	carrier->outcome[0] = carrier->written;
	carrier->outcome[1] = carrier->synced;
	call_javascript(carrier->env, carrier->async_context, carrier->done);
	napi_close_handle_scope(carrier->env, scope);
}

static void free_carrier(carrier_t *carrier)
{
	if (carrier->told >= 0)
		close(carrier->told);
	free(carrier->poll);
	free(carrier->vectors);
	free(carrier);
}

static void on_closed(uv_handle_t *handle)
{
	carrier_t *carrier = uv_handle_get_data(handle);
	napi_remove_async_cleanup_hook(carrier->cleanup);
	free_carrier(carrier);
}

/* What the thread reads is the environment's: a batch that has begun ends before that goes. */
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook; /* given back when the handle is closed */
	carrier_t *carrier = data;
	carrier->closing = true;
	tell_thread(carrier, ENDING);
	pthread_join(carrier->thread, NULL);
	uv_close((uv_handle_t *)carrier->poll, on_closed);
}

/* Signals are for Node's own threads. */
static int start_thread(carrier_t *carrier)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	if (pthread_attr_init(&attributes) != 0)
		return -1;
	pthread_attr_setstacksize(&attributes, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int status = pthread_create(&carrier->thread, &attributes, run, carrier);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return status;
}

/* carrier(outcome, done): carries one batch at a time, until the environment ends; undefined when there is no memory. */
static napi_value make_carrier(napi_env env, napi_callback_info info)
{
	size_t count = 2, length;
	napi_value values[2], name, result = NULL;
	void *outcome;
	uv_loop_t *loop;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	if (napi_get_arraybuffer_info(env, values[0], &outcome, &length) != napi_ok || length < 2 * sizeof(double))
		return NULL;
	carrier_t *carrier = calloc(1, sizeof *carrier);
	if (carrier == NULL)
		return NULL;
	carrier->env = env;
	carrier->outcome = outcome;
	carrier->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	carrier->poll = calloc(1, uv_handle_size(GOPARK_UV_POLL));
	napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
	if (carrier->told < 0 || carrier->poll == NULL || start_thread(carrier) != 0) {
		free_carrier(carrier);
		return NULL;
	}
	if (uv_poll_init(loop, carrier->poll, carrier->told) != 0) {
		tell_thread(carrier, ENDING);
		pthread_join(carrier->thread, NULL);
		free_carrier(carrier);
		return NULL;
	}
	uv_handle_set_data((uv_handle_t *)carrier->poll, carrier);
	uv_poll_start(carrier->poll, GOPARK_UV_READABLE, on_told);
	/* Only a batch under way keeps the process alive. */
	uv_unref((uv_handle_t *)carrier->poll);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &carrier->async_context);
	napi_create_reference(env, values[0], 1, &carrier->outcome_memory);
	napi_create_reference(env, values[1], 1, &carrier->done);
	napi_add_async_cleanup_hook(env, on_environment_end, carrier, &carrier->cleanup);
	napi_create_external(env, carrier, NULL, NULL, &result);
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
 * carry(carrier, fd, buffers, position, syncs): writes all that goes into one call, on the thread, and makes the disk have
 * it if that was all and `syncs`. 0: the carrier's function will be called when `outcome` has the count or a negated
 * errno, and 0 or the negated errno of the disk: -ECANCELED where it was not asked. Until then the caller keeps
 * `buffers`. Or a negated errno.
 */
static napi_value carry(napi_env env, napi_callback_info info)
{
	size_t count = 5;
	napi_value values[5];
	carrier_t *carrier = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_value_external(env, values[0], (void **)&carrier);
	if (carrier->running || carrier->closing)
		return number(env, -EBUSY);
	carrier->synced = -ECANCELED;
	carrier->fd = int_argument(env, values[1]);
	napi_get_value_int64(env, values[3], &carrier->position);
	napi_get_value_bool(env, values[4], &carrier->syncs);
	int32_t status = load(env, carrier, values[2]);
	if (status < 0)
		return number(env, status);
	carrier->running = true;
	uv_ref((uv_handle_t *)carrier->poll);
	tell_thread(carrier, LOADED);
	return number(env, 0);
}

/* awaitCarried(carrier): blocks until it carries nothing any more: for the end of the process, which ends its threads. */
static napi_value await_carried(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value;
	carrier_t *carrier = NULL;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_external(env, value, (void **)&carrier);
	int32_t word = __atomic_or_fetch(&carrier->word, AWAITED, __ATOMIC_ACQUIRE);
	while (word & LOADED) {
		syscall(SYS_futex, &carrier->word, FUTEX_WAIT_PRIVATE, word, NULL, NULL, 0);
		word = __atomic_load_n(&carrier->word, __ATOMIC_ACQUIRE);
	}
	__atomic_fetch_and(&carrier->word, ~AWAITED, __ATOMIC_RELAXED);
	return NULL;
}

const napi_property_descriptor batch_functions[] = {
	FUNCTION("carrier", make_carrier),
	FUNCTION("carry", carry),
	FUNCTION("awaitCarried", await_carried),
};
const size_t batch_function_count = sizeof batch_functions / sizeof *batch_functions;
