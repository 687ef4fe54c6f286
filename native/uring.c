/*
 * io_uring: rings are set up, mapped, entered and waited for here. What is in them is TypeScript's: it fills the
 * submissions and reads the completions in the mapped memory (src/poll/drivers/uring/). A thread may have several
 * rings, with or without a driver.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "gopark.h"
#include "uring.h"

enum {
	URING_BUDGET_US = 10 * 1000,
	MOST_CANCEL_SECONDS = 5,
	TASK_WORK = 16, /* one call of the kernel's brings some 20 completions at most: after so many there are more */
	MOST_GATHERED = 512,
	MOST_IN_VAIN = 64,
	WORTH_ANOTHER_ROUND = 8, /* after fewer completions it is libuv's turn to look, which it does anyway */
};

static void release(uring_t *ring)
{
	if (--ring->users > 0)
		return;
	munmap(ring->rings, ring->rings_size);
	munmap(ring->sqes, ring->sqes_size);
	free(ring->poll);
	free(ring->prepare);
	free(ring->idle);
	free(ring->batch);
	free(ring);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)data;
	release(hint);
}

static void on_handle_closed(uv_handle_t *handle)
{
	uring_t *ring = uv_handle_get_data(handle);
	/* Behind the last of the three handles nothing of the environment's is left. */
	if (handle == (uv_handle_t *)ring->idle)
		napi_remove_async_cleanup_hook(ring->cleanup);
	release(ring);
}

/* The kernel has something for us. */
static bool has_news(uring_t *ring)
{
	uint32_t flags = __atomic_load_n(ring->sq_flags, __ATOMIC_ACQUIRE);
	return uring_completions(ring) > 0 || flags & (URING_SQ_CQ_OVERFLOW | URING_SQ_TASKRUN);
}

/* Something is to be done that no wake-up will tell of. */
static bool has_work(uring_t *ring)
{
	return has_news(ring) || uring_pending(ring) > 0;
}

static int32_t enter(uring_t *ring, uint32_t wait)
{
	long result;
	do {
		result = syscall(SYS_URING_ENTER, ring->fd, uring_pending(ring), wait, URING_ENTER_GETEVENTS, NULL, 0);
	} while (result < 0 && errno == EINTR && wait > 0);
	return result < 0 ? -errno : (int32_t)result;
}

/* Hands submissions over, and looks for nothing. */
static void submit(uring_t *ring)
{
	if (uring_pending(ring) > 0)
		syscall(SYS_URING_ENTER, ring->fd, uring_pending(ring), 0, 0, NULL, 0);
}

/* Nothing of ours is in the kernel's hands any more: it writes into none of our memory from here on. */
static void cancel_everything(uring_t *ring)
{
	struct uring_sync_cancel all = {
		.fd = -1, .flags = URING_CANCEL_ALL | URING_CANCEL_ANY, .timeout = { MOST_CANCEL_SECONDS, 0 }
	};
	/* What was written still goes out: the last chance for a thread that is ended from outside. */
	enter(ring, 0);
	syscall(SYS_URING_REGISTER, ring->fd, URING_REGISTER_SYNC_CANCEL, &all, 1);
}

static void close_ring(uring_t *ring)
{
	if (ring->closed)
		return;
	ring->closed = true;
	cancel_everything(ring);
	if (ring->driver != NULL)
		ring->driver->ring = NULL;
	uv_close((uv_handle_t *)ring->poll, on_handle_closed);
	uv_close((uv_handle_t *)ring->prepare, on_handle_closed);
	uv_close((uv_handle_t *)ring->idle, on_handle_closed);
	close(ring->fd);
	close(ring->wake);
	if (!ring->ending) {
		napi_delete_reference(ring->env, ring->on_batch);
		napi_async_destroy(ring->env, ring->async_context);
	}
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook; /* given back when the handles are closed */
	uring_t *ring = data;
	ring->ending = true;
	close_ring(ring);
}

static void want_wake(uring_t *ring, bool wanted)
{
	__atomic_store_n(ring->cq_flags, wanted ? 0 : URING_CQ_EVENTFD_DISABLED, __ATOMIC_SEQ_CST);
}

/* Submits, and lets the kernel complete what is due, one bounded batch of it. */
static uint32_t complete_more(uring_t *ring)
{
	uint32_t before, now = uring_completions(ring);
	do {
		before = now;
		enter(ring, 0);
		now = uring_completions(ring);
	} while (now - before >= TASK_WORK && now < MOST_GATHERED);
	return now;
}

/*
 * Batch by batch: JavaScript takes what has completed, goroutines run, and what they submitted goes with the next
 * enter. True: time was up, and there may be more, of which nothing tells.
 */
static bool run(uring_t *ring)
{
	napi_handle_scope scope;
	bool more = false;
	uint32_t found;
	if (ring->closed || napi_open_handle_scope(ring->env, &scope) != napi_ok)
		return false;
	want_wake(ring, false);
	uint32_t begun = (uint32_t)monotonic_us();
	do {
		found = complete_more(ring);
		if (found == 0 || !call_javascript(ring->env, ring->async_context, ring->on_batch) || !flush_chains(ring->env))
			break;
		more = (uint32_t)monotonic_us() - begun >= URING_BUDGET_US;
	} while (!ring->closed && !more && (found >= WORTH_ANOTHER_ROUND || has_news(ring)));
	/* What is there at once is for the next turn: in larger pieces, with more of the others. */
	if (!ring->closed)
		submit(ring);
	napi_close_handle_scope(ring->env, scope);
	return more;
}

/* Before the loop sleeps: either it does not, or the next completion wakes it. */
static void settle(uring_t *ring, bool more)
{
	if (ring->closed)
		return;
	want_wake(ring, true);
	bool busy = more || has_work(ring);
	if (busy == ring->idling)
		return;
	ring->idling = busy;
	if (busy)
		uv_idle_start(ring->idle, on_idle);
	else
		uv_idle_stop(ring->idle);
}

/*
 * libuv watches the eventfd by its level, so that each wake-up would have to read it. By edges nobody has to: every
 * signal is one. It is in libuv's epoll set by now; should libuv ever set it back, wake-ups in vain tell.
 */
static void silence(uring_t *ring)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.fd = ring->wake };
	uint64_t count;
	if (ring->waking == EDGES && ring->in_vain < MOST_IN_VAIN)
		return;
	if (ring->waking == READ_WAKES && epoll_ctl(uv_backend_fd(ring->loop), EPOLL_CTL_MOD, ring->wake, &event) == 0) {
		ring->waking = EDGES;
		return;
	}
	ring->waking = EDGES_REFUSED;
	while (read(ring->wake, &count, sizeof count) < 0 && errno == EINTR)
		;
}

static void on_wake(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	uring_t *ring = uv_handle_get_data((uv_handle_t *)handle);
	silence(ring);
	ring->in_vain = has_work(ring) ? 0 : ring->in_vain + 1;
	settle(ring, run(ring));
}

/* What timers, file callbacks and others submitted since the last batch goes to the kernel now. */
static void on_uring_prepare(uv_prepare_t *handle)
{
	uring_t *ring = uv_handle_get_data((uv_handle_t *)handle);
	settle(ring, (ring->idling || has_work(ring)) && run(ring));
}

static void *handle_of(uring_t *ring, int type)
{
	void *handle = calloc(1, uv_handle_size(type));
	if (handle != NULL)
		uv_handle_set_data(handle, ring);
	return handle;
}

static int32_t map_rings(uring_t *ring, const struct uring_params *params)
{
	size_t array_end = params->sq.array + params->sq_entries * sizeof(uint32_t);
	ring->rings_size = params->cq.cqes + (size_t)params->cq_entries * URING_CQE_SIZE;
	if (array_end > ring->rings_size)
		ring->rings_size = array_end;
	ring->sqes_size = (size_t)params->sq_entries * URING_SQE_SIZE;
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, URING_OFFSET_RINGS);
	if (ring->rings == MAP_FAILED)
		return -errno;
	ring->sqes = mmap(NULL, ring->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd, URING_OFFSET_SQES);
	if (ring->sqes == MAP_FAILED) {
		int error = errno;
		munmap(ring->rings, ring->rings_size);
		return -error;
	}
	uint8_t *base = ring->rings;
	ring->sq_head = (uint32_t *)(base + params->sq.head);
	ring->sq_tail = (uint32_t *)(base + params->sq.tail);
	ring->sq_flags = (uint32_t *)(base + params->sq.flags);
	ring->cq_head = (uint32_t *)(base + params->cq.head);
	ring->cq_tail = (uint32_t *)(base + params->cq.tail);
	ring->cq_flags = (uint32_t *)(base + params->cq.flags);
	ring->cqes = (struct uring_cqe *)(base + params->cq.cqes);
	ring->sq_entries = params->sq_entries;
	ring->cq_entries = params->cq_entries;
	uint32_t *array = (uint32_t *)(base + params->sq.array);
	for (uint32_t i = 0; i < params->sq_entries; i++)
		array[i] = i;
	return 0;
}

/* Everything of the kernel's. 0, or a negated errno with nothing left behind. */
static int32_t open_ring(uring_t *ring, uint32_t entries, struct uring_params *params)
{
	ring->fd = syscall(SYS_URING_SETUP, entries, params);
	if (ring->fd < 0)
		return -errno;
	int32_t error = params->features & URING_FEATURE_SINGLE_MMAP ? 0 : -ENOSYS;
	ring->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (error == 0 && (ring->wake < 0 || syscall(SYS_URING_REGISTER, ring->fd, URING_REGISTER_EVENTFD, &ring->wake, 1) < 0))
		error = -errno;
	if (error == 0)
		error = map_rings(ring, params);
	if (error != 0) {
		close(ring->fd);
		if (ring->wake >= 0)
			close(ring->wake);
	}
	return error;
}

static napi_value number(napi_env env, int64_t result)
{
	napi_value value;
	napi_create_int64(env, result, &value);
	return value;
}

/* uringOpen(entries, params, onBatch): {ring, rings, sqes} and the filled-in params, or a negated errno */
static napi_value uring_open(napi_env env, napi_callback_info info)
{
	size_t count = 3, length;
	napi_value values[3], result, value, name;
	uint32_t entries = 0;
	struct uring_params *params;
	uv_loop_t *loop;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_value_uint32(env, values[0], &entries);
	if (napi_get_typedarray_info(env, values[1], NULL, &length, (void **)&params, NULL, NULL) != napi_ok ||
	    length * sizeof(uint32_t) < sizeof *params)
		return number(env, -EINVAL);
	uring_t *ring = calloc(1, sizeof *ring);
	if (ring == NULL)
		return number(env, -ENOMEM);
	ring->env = env;
	ring->poll = handle_of(ring, GOPARK_UV_POLL);
	ring->prepare = handle_of(ring, GOPARK_UV_PREPARE);
	ring->idle = handle_of(ring, GOPARK_UV_IDLE);
	napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
	ring->loop = loop;
	int32_t error = ring->poll == NULL || ring->prepare == NULL || ring->idle == NULL ? -ENOMEM : open_ring(ring, entries, params);
	if (error == 0 && (error = uv_poll_init(loop, ring->poll, ring->wake)) != 0) {
		munmap(ring->rings, ring->rings_size);
		munmap(ring->sqes, ring->sqes_size);
		close(ring->fd);
		close(ring->wake);
	}
	if (error != 0) {
		free(ring->poll);
		free(ring->prepare);
		free(ring->idle);
		free(ring);
		return number(env, error);
	}
	uv_prepare_init(loop, ring->prepare);
	uv_idle_init(loop, ring->idle);
	ring->users = 6;
	napi_create_object(env, &result);
	napi_create_external(env, ring, on_collected, ring, &value);
	napi_set_named_property(env, result, "ring", value);
	napi_create_external_arraybuffer(env, ring->rings, ring->rings_size, on_collected, ring, &value);
	napi_set_named_property(env, result, "rings", value);
	napi_create_external_arraybuffer(env, ring->sqes, ring->sqes_size, on_collected, ring, &value);
	napi_set_named_property(env, result, "sqes", value);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &ring->async_context);
	napi_create_reference(env, values[2], 1, &ring->on_batch);
	napi_add_async_cleanup_hook(env, on_environment_end, ring, &ring->cleanup);
	/* Alone it keeps no process alive. */
	uv_unref((uv_handle_t *)ring->poll);
	uv_unref((uv_handle_t *)ring->prepare);
	uv_poll_start(ring->poll, GOPARK_UV_READABLE, on_wake);
	uv_prepare_start(ring->prepare, on_uring_prepare);
	return result;
}

/* The ring of a call, which is always its first argument; NULL: it has been closed. */
uring_t *ring_argument(napi_env env, napi_callback_info info, size_t count, napi_value *values)
{
	uring_t *ring = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_value_external(env, values[0], (void **)&ring);
	return ring == NULL || ring->closed ? NULL : ring;
}

/* uringEnter(ring, wait): submits everything, waits for so many completions: how many were submitted, or a negated errno */
static napi_value uring_enter(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	uint32_t wait = 0;
	uring_t *ring = ring_argument(env, info, 2, values);
	napi_get_value_uint32(env, values[1], &wait);
	return number(env, ring == NULL ? -EBADF : enter(ring, wait));
}

/* uringRegister(ring, opcode, argument, count): io_uring_register with a typed array's memory, or null */
static napi_value uring_register(napi_env env, napi_callback_info info)
{
	napi_value values[4];
	uint32_t opcode = 0, count = 0;
	void *argument = NULL;
	uring_t *ring = ring_argument(env, info, 4, values);
	napi_get_value_uint32(env, values[1], &opcode);
	napi_get_value_uint32(env, values[3], &count);
	napi_get_typedarray_info(env, values[2], NULL, NULL, &argument, NULL, NULL);
	if (ring == NULL)
		return number(env, -EBADF);
	long result = syscall(SYS_URING_REGISTER, ring->fd, opcode, argument, count);
	return number(env, result < 0 ? -errno : result);
}

/* uringReference(ring, on): whether it keeps the event loop alive */
static napi_value uring_reference(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	bool on = false;
	uring_t *ring = ring_argument(env, info, 2, values);
	napi_get_value_bool(env, values[1], &on);
	if (ring != NULL)
		(on ? uv_ref : uv_unref)((uv_handle_t *)ring->poll);
	return NULL;
}

/* uringClose(ring): waits until the kernel has let go of everything that was submitted */
static napi_value uring_close(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	uring_t *ring = ring_argument(env, info, 1, values);
	if (ring != NULL)
		close_ring(ring);
	return NULL;
}

/* addressOf(p): where a typed array's memory lies; below 2^53, so that a double has it exactly */
static napi_value address_of(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value values[1];
	void *memory = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_typedarray_info(env, values[0], NULL, NULL, &memory, NULL, NULL);
	return number(env, (int64_t)(intptr_t)memory);
}

#define FUNCTION(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default, NULL }

const napi_property_descriptor uring_functions[] = {
	FUNCTION("uringOpen", uring_open),
	FUNCTION("uringEnter", uring_enter),
	FUNCTION("uringRegister", uring_register),
	FUNCTION("uringReference", uring_reference),
	FUNCTION("uringClose", uring_close),
	FUNCTION("addressOf", address_of),
};
const size_t uring_function_count = sizeof uring_functions / sizeof *uring_functions;
