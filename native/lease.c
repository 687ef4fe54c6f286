/*
 * Descriptors on their way from one thread to another. Each thread has a table of those that it gave away and that
 * nobody has taken yet, in memory that all threads see. A row is one word: whoever changes it from LEASED to TAKEN,
 * the thread that takes the descriptor over or the one that gives the wait up, has the descriptor, and nobody else.
 */
#include "arguments.h"

enum { LEASED = 1, TAKEN = 2, STATE_BITS = 2, STATE_MASK = 3 };

typedef struct lease {
	int32_t state; /* how often the row was used, and above in the low bits; 0: never */
	int32_t fd;
} lease_t;

static driver_t *driver_of(napi_env env)
{
	driver_t *driver = NULL;
	napi_get_instance_data(env, (void **)&driver);
	return driver;
}

static lease_t *table_argument(napi_env env, napi_value value, size_t *rows)
{
	void *data = NULL;
	size_t length = 0;
	napi_typedarray_type type;
	if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok || type != napi_int32_array)
		return NULL;
	*rows = length * sizeof(int32_t) / sizeof(lease_t);
	return data;
}

static bool take(lease_t *lease, int32_t state)
{
	int32_t expected = state;
	return __atomic_compare_exchange_n(&lease->state, &expected, (state & ~STATE_MASK) | TAKEN, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* leases(table): where this thread's leases are kept, an Int32Array of shared memory. Called once. */
static napi_value set_table(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	size_t count = 1, rows;
	napi_value value;
	napi_ref reference;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	lease_t *table = table_argument(env, value, &rows);
	if (table == NULL || driver->leases != NULL)
		return number(env, -EINVAL);
	driver->leases = table;
	driver->lease_rows = (int32_t)rows;
	/* For as long as the environment lives: its end looks into it once more. */
	napi_create_reference(env, value, 1, &reference);
	return number(env, 0);
}

/* lease(slot): takes the descriptor out of this driver without closing it. Its row in the table, or a negated errno. */
static napi_value lease_slot(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	size_t count = 1;
	napi_value value;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	slot_t *slot = slot_argument(driver, env, value);
	if (slot == NULL)
		return number(env, -EBADF);
	for (int32_t i = 0; i < driver->lease_rows; i++) {
		int32_t row = driver->lease_next;
		lease_t *lease = &driver->leases[row];
		int32_t state = __atomic_load_n(&lease->state, __ATOMIC_SEQ_CST);
		driver->lease_next = row + 1 < driver->lease_rows ? row + 1 : 0;
		if ((state & STATE_MASK) == LEASED)
			continue;
		lease->fd = slot_leave(driver, slot);
		uint32_t next = ((uint32_t)state >> STATE_BITS) + 1;
		__atomic_store_n(&lease->state, (int32_t)(next << STATE_BITS | LEASED), __ATOMIC_SEQ_CST);
		return number(env, row);
	}
	return number(env, -ENFILE);
}

/* adopt(table, row, state, packets): takes a lease over. A slot of this driver, or a negated errno; -EBADF: too late. */
static napi_value adopt(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	size_t count = 4, rows;
	napi_value values[4];
	bool packets = false;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	lease_t *table = table_argument(env, values[0], &rows);
	int32_t row = int_argument(env, values[1]), state = int_argument(env, values[2]);
	napi_get_value_bool(env, values[3], &packets);
	if (table == NULL || row < 0 || (size_t)row >= rows || (state & STATE_MASK) != LEASED)
		return number(env, -EINVAL);
	/* Before it is ours: else it would be nobody's. */
	if (driver->free_slot < 0 && driver->slots_used >= driver->header[H_SLOTS])
		return number(env, -EMFILE);
	int32_t fd = table[row].fd;
	if (!take(&table[row], state))
		return number(env, -EBADF);
	return number(env, slot_open(driver, fd, F_WRITABLE | (packets ? F_PACKETS : 0)));
}

/* expire(row, state): closes what nobody has taken over. 1: it was still there. */
static napi_value expire(napi_env env, napi_callback_info info)
{
	driver_t *driver = driver_of(env);
	size_t count = 2;
	napi_value values[2];
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	lease_t *lease = &driver->leases[int_argument(env, values[0])];
	if (!take(lease, int_argument(env, values[1])))
		return number(env, 0);
	close(lease->fd);
	return number(env, 1);
}

/* The thread ends: who would give the wait up is gone. */
void leases_end(driver_t *driver)
{
	for (int32_t row = 0; row < driver->lease_rows; row++) {
		lease_t *lease = &driver->leases[row];
		int32_t state = __atomic_load_n(&lease->state, __ATOMIC_SEQ_CST);
		if ((state & STATE_MASK) == LEASED && take(lease, state))
			close(lease->fd);
	}
}

const napi_property_descriptor lease_functions[] = {
	FUNCTION("leases", set_table),
	FUNCTION("lease", lease_slot),
	FUNCTION("adopt", adopt),
	FUNCTION("expire", expire),
};
const size_t lease_function_count = sizeof lease_functions / sizeof *lease_functions;
