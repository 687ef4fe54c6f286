/*
 * One driver per environment: set up, tear down. No C globals, because every worker loads this file once more.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>

#include "arguments.h"

static void free_driver(driver_t *driver)
{
	napi_async_cleanup_hook_handle cleanup = driver->cleanup;
	for (int32_t i = 0; i < driver->set_count; i++)
		free(driver->sets[i].poll);
	free(driver->prepare);
	free(driver->idle);
	free(driver->knock);
	free(driver->retry);
	free(driver->newcomers);
	datagrams_free(driver->datagrams);
	pipes_free(driver->pipes);
	free(driver);
	napi_remove_async_cleanup_hook(cleanup);
}

void driver_release(driver_t *driver)
{
	if (--driver->open_handles == 0)
		free_driver(driver);
}

static void on_closed(uv_handle_t *handle)
{
	driver_release(uv_handle_get_data(handle));
}

static void on_set_closed(uv_handle_t *handle)
{
	poller_set_t *set = uv_handle_get_data(handle);
	driver_release(set->driver);
}

/* The environment ends: what was written still goes out, then everything it held is given back. */
static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	driver_t *driver = data;
	driver->closing = true;
	ring_detach(driver);
	flush(driver);
	for (int32_t i = 0; i < driver->slots_used; i++)
		slot_close(driver, &driver->slots[i]);
	leases_end(driver);
	for (int32_t i = 0; i < driver->set_count; i++)
		uv_close((uv_handle_t *)driver->sets[i].poll, on_set_closed);
	uv_close((uv_handle_t *)driver->prepare, on_closed);
	uv_close((uv_handle_t *)driver->idle, on_closed);
	uv_close((uv_handle_t *)driver->knock, on_closed);
	for (int32_t i = 0; i < driver->set_count; i++)
		close(driver->sets[i].epoll);
}

static napi_value fail(napi_env env, const char *what, int error)
{
	char code[16];
	napi_throw_error(env, strcpy(code, "ERR_DRIVER"), error == 0 ? what : strerror(error));
	return NULL;
}

static void *handle_of(driver_t *driver, int type)
{
	void *handle = calloc(1, uv_handle_size(type));
	if (handle != NULL)
		uv_handle_set_data(handle, driver);
	return handle;
}

/* One more epoll instance in libuv's loop: its place among the sets, or a negated errno. */
static int32_t add_set(driver_t *driver)
{
	uv_loop_t *loop;
	if (driver->set_count == MOST_SETS)
		return -EMFILE;
	poller_set_t *set = &driver->sets[driver->set_count];
	set->driver = driver;
	set->poll = handle_of(driver, GOPARK_UV_POLL);
	if (set->poll == NULL)
		return -ENOMEM;
	set->epoll = epoll_create1(EPOLL_CLOEXEC);
	int error = -errno;
	if (set->epoll >= 0) {
		napi_get_uv_event_loop(driver->env, (struct uv_loop_s **)&loop);
		error = uv_poll_init(loop, set->poll, set->epoll);
		if (error != 0)
			close(set->epoll);
	}
	if (error != 0) {
		free(set->poll);
		return error;
	}
	uv_handle_set_data((uv_handle_t *)set->poll, set);
	/* Alone it keeps no process alive; holds do, through the first one's handle. */
	uv_unref((uv_handle_t *)set->poll);
	uv_poll_start(set->poll, GOPARK_UV_READABLE, on_readable);
	driver->open_handles++;
	return driver->set_count++;
}

/* start(shared, slab, onBatch): the driver of this environment. Called once. */
static napi_value start(napi_env env, napi_callback_info info)
{
	size_t count = 3;
	napi_value values[3], name;
	driver_t *driver = NULL;
	void *shared, *slab;
	size_t length;
	uv_loop_t *loop;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	if (driver != NULL)
		return fail(env, "the driver of this thread has been started already", 0);
	if (napi_get_arraybuffer_info(env, values[0], &shared, &length) != napi_ok ||
	    napi_get_arraybuffer_info(env, values[1], &slab, &length) != napi_ok)
		return fail(env, "expected two ArrayBuffers", 0);
	driver = calloc(1, sizeof *driver);
	if (driver == NULL)
		return fail(env, NULL, ENOMEM);
	driver->env = env;
	driver->header = shared;
	driver->completions = (completion_t *)(driver->header + H_SIZE);
	driver->segments = (segment_t *)(driver->completions + driver->header[H_COMPLETIONS]);
	driver->dirty = (int32_t *)(driver->segments + driver->header[H_SEGMENTS]);
	driver->slots = (slot_t *)(driver->dirty + driver->header[H_SLOTS]);
	driver->slab = slab;
	driver->header[H_RAN_FROM] = monotonic_us();
	driver->free_slot = -1;
	driver->batch_limit = FIRST_BATCH;
	driver->retry = malloc(sizeof *driver->retry * driver->header[H_SLOTS]);
	driver->newcomers = malloc(sizeof *driver->newcomers * driver->header[H_SLOTS]);
	driver->prepare = handle_of(driver, GOPARK_UV_PREPARE);
	driver->idle = handle_of(driver, GOPARK_UV_IDLE);
	driver->knock = handle_of(driver, GOPARK_UV_TIMER);
	if (driver->retry == NULL || driver->newcomers == NULL || driver->prepare == NULL || driver->idle == NULL ||
	    driver->knock == NULL)
		return fail(env, NULL, ENOMEM);
	int32_t first = add_set(driver);
	if (first < 0)
		return fail(env, NULL, -first);
	napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
	uv_prepare_init(loop, driver->prepare);
	uv_idle_init(loop, driver->idle);
	uv_timer_init(loop, driver->knock);
	driver->open_handles += 3;
	/* Alone they keep no process alive, either. */
	uv_unref((uv_handle_t *)driver->prepare);
	uv_unref((uv_handle_t *)driver->knock);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &driver->async_context);
	napi_create_reference(env, values[0], 1, &driver->shared_buffer);
	napi_create_reference(env, values[1], 1, &driver->slab_buffer);
	napi_create_reference(env, values[2], 1, &driver->on_batch);
	napi_set_instance_data(env, driver, NULL, NULL);
	napi_add_async_cleanup_hook(env, on_environment_end, driver, &driver->cleanup);
	uv_prepare_start(driver->prepare, on_prepare);
	return NULL;
}

static driver_t *driver_of(napi_env env)
{
	driver_t *driver = NULL;
	napi_get_instance_data(env, (void **)&driver);
	return driver;
}

static int32_t number_argument(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value;
	int32_t number = 0;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_int32(env, value, &number);
	return number;
}

/* collect(set): one poll pass from within JavaScript; the completions are in the shared memory afterwards */
static napi_value collect_now(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	collect(driver, &driver->sets[number_argument(env, info)]);
	return NULL;
}

/* sets(count): makes so many poller sets, as far as possible, and returns how many there are; they are never fewer again */
static napi_value make_sets(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	int32_t wanted = number_argument(env, info);
	napi_value value;
	while (driver->set_count < wanted && add_set(driver) >= 0)
		;
	napi_create_int32(env, driver->set_count, &value);
	return value;
}

/* reference(): from now on our handle keeps the event loop alive; given back before the loop sleeps without holds */
static napi_value reference(napi_env env, napi_callback_info info)
{
	(void)info;
	driver_t *driver = driver_of(env);
	uv_ref((uv_handle_t *)driver->sets[0].poll);
	driver->header[H_REFERENCED] = 1;
	return NULL;
}

NAPI_MODULE_INIT()
{
	const napi_property_descriptor functions[] = {
		FUNCTION("start", start),
		FUNCTION("collect", collect_now),
		FUNCTION("sets", make_sets),
		FUNCTION("reference", reference),
	};
	napi_value version;
	napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
	napi_define_properties(env, exports, descriptor_function_count, descriptor_functions);
	napi_define_properties(env, exports, file_function_count, file_functions);
	napi_define_properties(env, exports, batch_function_count, batch_functions);
	napi_define_properties(env, exports, splice_function_count, splice_functions);
	napi_define_properties(env, exports, pipe_function_count, pipe_functions);
	napi_define_properties(env, exports, vector_function_count, vector_functions);
	napi_define_properties(env, exports, datagram_function_count, datagram_functions);
	napi_define_properties(env, exports, unix_function_count, unix_functions);
	napi_define_properties(env, exports, tcp_function_count, tcp_functions);
	napi_define_properties(env, exports, lease_function_count, lease_functions);
	napi_define_properties(env, exports, alarm_function_count, alarm_functions);
	napi_define_properties(env, exports, uring_function_count, uring_functions);
	napi_define_properties(env, exports, uring_send_function_count, uring_send_functions);
	napi_create_int32(env, LAYOUT_VERSION, &version);
	napi_set_named_property(env, exports, "layoutVersion", version);
	return exports;
}
