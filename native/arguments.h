/* What the functions of the addon are called with, and what they answer. */
#ifndef GOPARK_ARGUMENTS_H
#define GOPARK_ARGUMENTS_H

#include "gopark.h"

static inline int32_t int_argument(napi_env env, napi_value value)
{
	int32_t number = 0;
	napi_get_value_int32(env, value, &number);
	return number;
}

/* NULL: nobody has it. */
static inline slot_t *slot_argument(driver_t *driver, napi_env env, napi_value value)
{
	int32_t index = int_argument(env, value);
	if (index < 0 || index >= driver->slots_used || driver->slots[index].fd < 0)
		return NULL;
	return &driver->slots[index];
}

/* Reads the arguments, finds the driver; the slot is the first argument of almost every function. */
static inline driver_t *arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, slot_t **slot)
{
	driver_t *driver = NULL;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	if (slot != NULL)
		*slot = driver == NULL ? NULL : slot_argument(driver, env, values[0]);
	return driver;
}

static inline napi_value number(napi_env env, int64_t result)
{
	napi_value value;
	napi_create_int64(env, result, &value);
	return value;
}

/* Of a system call: what it gave, or its negated errno. */
static inline int64_t outcome(int64_t result)
{
	return result < 0 ? -errno : result;
}

/* One row of what a file adds to the addon. */
#define FUNCTION(name, function) { name, NULL, function, NULL, NULL, NULL, napi_default, NULL }

#endif
