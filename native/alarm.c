/*
 * Instants that the event loop meets to the microsecond. libuv's timers are exact to a millisecond, and what JavaScript
 * can do about that, one immediate after the other, leaves garbage behind each time round. Here the loop sleeps until
 * shortly before (a timerfd), and from then on goes round without sleeping and without JavaScript.
 */
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>

#include "arguments.h"

enum { HANDLES = 3 };

/* What libuv only looks at itself, its timers and who has just begun to wait, is so late at most. */
#define LONGEST_SPIN_MS 0.1

typedef struct {
	napi_env env;
	napi_async_cleanup_hook_handle cleanup;
	napi_async_context async_context;
	napi_ref on_due, shared_buffer;
	const double *due; /* shared: milliseconds of the monotonic clock, or infinity */
	double close;      /* for so long before it the loop does not sleep */
	double armed;      /* when the timer strikes; infinity: never */
	int timer, backend;
	bool idling, closed, ending, collected;
	int handles;
	uv_poll_t *poll;
	uv_prepare_t *prepare;
	uv_idle_t *idle;
} alarm_t;

static double monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void free_alarm(alarm_t *alarm)
{
	if (alarm->handles > 0 || !alarm->collected)
		return;
	free(alarm->poll);
	free(alarm->prepare);
	free(alarm->idle);
	free(alarm);
}

static void on_handle_closed(uv_handle_t *handle)
{
	alarm_t *alarm = uv_handle_get_data(handle);
	if (--alarm->handles > 0)
		return;
	napi_remove_async_cleanup_hook(alarm->cleanup);
	free_alarm(alarm);
}

static void close_alarm(alarm_t *alarm)
{
	if (alarm->closed)
		return;
	alarm->closed = true;
	uv_close((uv_handle_t *)alarm->poll, on_handle_closed);
	uv_close((uv_handle_t *)alarm->prepare, on_handle_closed);
	uv_close((uv_handle_t *)alarm->idle, on_handle_closed);
	close(alarm->timer);
	if (!alarm->ending) {
		napi_delete_reference(alarm->env, alarm->on_due);
		napi_delete_reference(alarm->env, alarm->shared_buffer);
		napi_async_destroy(alarm->env, alarm->async_context);
	}
}

static void on_environment_end(napi_async_cleanup_hook_handle hook, void *data)
{
	(void)hook;
	alarm_t *alarm = data;
	alarm->ending = true;
	close_alarm(alarm);
}

static void on_collected(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	alarm_t *alarm = data;
	alarm->collected = true;
	close_alarm(alarm);
	free_alarm(alarm);
}

/* Calls JavaScript, which says when it is due the next time; what it sends leaves at once. */
static void ring_if_due(alarm_t *alarm)
{
	napi_handle_scope scope;
	if (alarm->closed || monotonic_ms() < *alarm->due || napi_open_handle_scope(alarm->env, &scope) != napi_ok)
		return;
	if (call_javascript(alarm->env, alarm->async_context, alarm->on_due))
		flush_chains(alarm->env);
	napi_close_handle_scope(alarm->env, scope);
}

/*
 * Each time round its event loop Node makes an object or two: a loop that goes round without end has megabytes of
 * garbage a second. So we go round here, until somebody has something to do; libuv's own descriptor tells of all of them.
 */
static void on_spin(uv_idle_t *handle)
{
	alarm_t *alarm = uv_handle_get_data((uv_handle_t *)handle);
	struct pollfd news = { .fd = alarm->backend, .events = POLLIN };
	double due = *alarm->due;
	double end = monotonic_ms() + LONGEST_SPIN_MS;
	double now;
	do {
		now = monotonic_ms();
	} while (now < due && now < end && poll(&news, 1, 0) == 0);
	ring_if_due(alarm);
}

static void on_timer(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	alarm_t *alarm = uv_handle_get_data((uv_handle_t *)handle);
	uint64_t strikes;
	if (read(alarm->timer, &strikes, sizeof strikes) > 0)
		alarm->armed = INFINITY;
	ring_if_due(alarm);
}

static void arm(alarm_t *alarm, double at)
{
	struct itimerspec when = { .it_value = { 0, 0 } };
	if (at == alarm->armed)
		return;
	alarm->armed = at;
	if (at != INFINITY) {
		double seconds = floor(at / 1e3);
		when.it_value.tv_sec = (time_t)seconds;
		when.it_value.tv_nsec = (long)((at - seconds * 1e3) * 1e6);
	}
	timerfd_settime(alarm->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Right before the loop sleeps: for how long may it? */
static void on_alarm_prepare(uv_prepare_t *handle)
{
	alarm_t *alarm = uv_handle_get_data((uv_handle_t *)handle);
	double wake = *alarm->due - alarm->close;
	/* An instant of the timer that is early is told in vain, once: cheaper than to move it for each message. */
	bool spin = wake <= monotonic_ms();
	if (!spin)
		arm(alarm, wake);
	if (spin == alarm->idling)
		return;
	alarm->idling = spin;
	if (spin)
		uv_idle_start(alarm->idle, on_spin);
	else
		uv_idle_stop(alarm->idle);
}

static void *handle_of(alarm_t *alarm, int type)
{
	void *handle = calloc(1, uv_handle_size(type));
	if (handle != NULL)
		uv_handle_set_data(handle, alarm);
	return handle;
}

/* alarmOpen(due, close, onDue): an alarm, or a negated errno. `due`, a Float64Array with one element, is read all the time. */
static napi_value alarm_open(napi_env env, napi_callback_info info)
{
	size_t count = 3, length = 0;
	napi_value values[3], name, result;
	void *due = NULL;
	uv_loop_t *loop;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	if (napi_get_typedarray_info(env, values[0], NULL, &length, &due, NULL, NULL) != napi_ok || length < 1)
		return number(env, -EINVAL);
	alarm_t *alarm = calloc(1, sizeof *alarm);
	if (alarm == NULL)
		return number(env, -ENOMEM);
	napi_get_value_double(env, values[1], &alarm->close);
	alarm->env = env;
	alarm->due = due;
	alarm->armed = INFINITY;
	alarm->poll = handle_of(alarm, GOPARK_UV_POLL);
	alarm->prepare = handle_of(alarm, GOPARK_UV_PREPARE);
	alarm->idle = handle_of(alarm, GOPARK_UV_IDLE);
	napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
	int error = alarm->poll == NULL || alarm->prepare == NULL || alarm->idle == NULL ? -ENOMEM : 0;
	alarm->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (error == 0 && alarm->timer < 0)
		error = -errno;
	if (error == 0)
		error = uv_poll_init(loop, alarm->poll, alarm->timer);
	if (error != 0) {
		if (alarm->timer >= 0)
			close(alarm->timer);
		alarm->collected = true;
		free_alarm(alarm);
		return number(env, error);
	}
	alarm->backend = uv_backend_fd(loop);
	uv_prepare_init(loop, alarm->prepare);
	uv_idle_init(loop, alarm->idle);
	alarm->handles = HANDLES;
	/* It keeps no process alive. */
	uv_unref((uv_handle_t *)alarm->poll);
	uv_unref((uv_handle_t *)alarm->prepare);
	uv_unref((uv_handle_t *)alarm->idle);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_async_init(env, NULL, name, &alarm->async_context);
	napi_create_reference(env, values[0], 1, &alarm->shared_buffer);
	napi_create_reference(env, values[2], 1, &alarm->on_due);
	napi_add_async_cleanup_hook(env, on_environment_end, alarm, &alarm->cleanup);
	uv_poll_start(alarm->poll, GOPARK_UV_READABLE, on_timer);
	uv_prepare_start(alarm->prepare, on_alarm_prepare);
	napi_create_external(env, alarm, on_collected, NULL, &result);
	return result;
}

/* alarmClose(alarm): it never rings again */
static napi_value alarm_close(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value;
	void *alarm = NULL;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	if (napi_get_value_external(env, value, &alarm) == napi_ok)
		close_alarm(alarm);
	return NULL;
}

/* alarmClock(): the clock of `due` */
static napi_value alarm_clock(napi_env env, napi_callback_info info)
{
	(void)info;
	napi_value value;
	napi_create_double(env, monotonic_ms(), &value);
	return value;
}

const napi_property_descriptor alarm_functions[] = {
	FUNCTION("alarmOpen", alarm_open),
	FUNCTION("alarmClose", alarm_close),
	FUNCTION("alarmClock", alarm_clock),
};
const size_t alarm_function_count = sizeof alarm_functions / sizeof *alarm_functions;
