/*
 * What node:fs lacks for files. Descriptors are Node's own here, by number; a result is a count, 0 or a negated errno.
 * Sockets are slots of the driver's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"

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

/* One piece of a file on its way to a socket, on a thread of libuv's. */
typedef struct {
	napi_async_work work;
	napi_ref callback;
	driver_t *driver;
	int32_t slot, generation;
	int32_t socket; /* a duplicate: the slot may be closed meanwhile, and its number become somebody else's */
	int32_t file;
	int64_t offset, length;
	int64_t sent;
	int32_t error;
} send_t;

/* sendfile has no MSG_NOSIGNAL. Node ignores the signal, unless somebody listened to it once. */
bool block_sigpipe(sigset_t *before)
{
	sigset_t pipe;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	return pthread_sigmask(SIG_BLOCK, &pipe, before) == 0 && !sigismember(before, SIGPIPE);
}

void unblock_sigpipe(const sigset_t *before, bool raised)
{
	sigset_t pipe;
	struct timespec now = { 0 };
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	if (raised)
		while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, before, NULL);
}

static void send_now(napi_env env, void *data)
{
	(void)env;
	send_t *send = data;
	struct stat status;
	sigset_t before;
	bool blocked = block_sigpipe(&before);
	if (fstat(send->file, &status) < 0)
		send->error = errno;
	else if (!S_ISREG(status.st_mode))
		send->error = EINVAL; /* what might make the thread wait, as a pipe would, is not for us */
	while (send->error == 0 && send->sent < send->length) {
		off_t offset = send->offset + send->sent;
		ssize_t count = sendfile(send->socket, send->file, &offset, (size_t)(send->length - send->sent));
		if (count == 0)
			break;
		if (count > 0)
			send->sent += count;
		else if (errno != EINTR)
			send->error = errno;
	}
	if (blocked)
		unblock_sigpipe(&before, send->error == EPIPE);
	/* Here and not later: the slot may have been closed, and then this is what ends the connection. */
	close(send->socket);
}

static void sent(napi_env env, napi_status status, void *data)
{
	send_t *send = data;
	driver_t *driver = send->driver;
	if (status != napi_ok) {
		/* No thread has begun it. */
		close(send->socket);
		send->error = ECANCELED;
	}
	slot_t *slot = &driver->slots[send->slot];
	if (!driver->closing && slot->fd >= 0 && slot->generation == send->generation) {
		slot->flags &= ~F_SENDING;
		/* Only a full socket announces room. One that is not full has it now. */
		if (send->error != EAGAIN)
			slot->flags |= F_WRITABLE;
	}
	napi_value callback, global, results[2];
	napi_get_reference_value(env, send->callback, &callback);
	napi_get_global(env, &global);
	napi_create_int64(env, send->sent, &results[0]);
	napi_create_int32(env, send->error, &results[1]);
	napi_delete_reference(env, send->callback);
	napi_delete_async_work(env, send->work);
	free(send);
	napi_call_function(env, global, callback, 2, results, NULL);
	driver_release(driver);
}

static int32_t begin_sending(napi_env env, send_t *send, const napi_value *values)
{
	napi_value name;
	slot_t *slot = slot_argument(send->driver, env, values[0]);
	if (slot == NULL || slot->flags & F_SENDING)
		return -EBADF;
	send->slot = index_of(send->driver, slot);
	send->generation = slot->generation;
	napi_get_value_int32(env, values[1], &send->file);
	napi_get_value_int64(env, values[2], &send->offset);
	napi_get_value_int64(env, values[3], &send->length);
	send->socket = fcntl(slot->fd, F_DUPFD_CLOEXEC, 0);
	if (send->socket < 0)
		return -errno;
	/* Before the thread begins: an edge that comes while it sends must not be forgotten. */
	slot->flags = (slot->flags & ~F_WRITABLE) | F_SENDING;
	send->driver->open_handles++;
	napi_create_reference(env, values[4], 1, &send->callback);
	napi_create_string_utf8(env, "gopark", NAPI_AUTO_LENGTH, &name);
	napi_create_async_work(env, NULL, name, send_now, sent, send, &send->work);
	napi_queue_async_work(env, send->work);
	return 0;
}

/* sendFile(slot, file, offset, length, callback): at most so many bytes; the callback gets the count and an errno */
static napi_value send_file(napi_env env, napi_callback_info info)
{
	size_t count = 5;
	napi_value values[5], result;
	int32_t begun = -ENOMEM;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	send_t *send = calloc(1, sizeof *send);
	if (send != NULL) {
		napi_get_instance_data(env, (void **)&send->driver);
		begun = begin_sending(env, send, values);
		if (begun < 0)
			free(send);
	}
	napi_create_int32(env, begun, &result);
	return result;
}

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* Linux 5.9 and 5.10 may say 0, the end, for what they would have to wait for. */
static bool nowait_is_sound(void)
{
	static int known; /* 0: not yet; the same for every thread that finds it out */
	if (known == 0) {
		struct utsname system;
		int major = 0, minor = 0;
		if (uname(&system) != 0 || sscanf(system.release, "%d.%d", &major, &minor) != 2)
			major = 0;
		known = major > 5 || (major == 5 && minor > 10) || (major == 5 && minor < 9) || major == 4 ? 1 : -1;
	}
	return known > 0;
}

/*
 * readCached(fd, p, from, length, offset): what the kernel has in memory of these bytes, here and now. The count, 0:
 * the end, -EAGAIN: a disk would have to be waited for, or another negated errno.
 */
static napi_value read_cached(napi_env env, napi_callback_info info)
{
	size_t count = 5, size = 0;
	napi_value values[5], result;
	int32_t fd = -1;
	uint32_t from = 0, length = 0;
	int64_t offset = 0;
	uint8_t *bytes = NULL;
	ssize_t received = -1;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_value_int32(env, values[0], &fd);
	napi_get_value_uint32(env, values[2], &from);
	napi_get_value_uint32(env, values[3], &length);
	napi_get_value_int64(env, values[4], &offset);
	if (!nowait_is_sound()) {
		errno = ENOTSUP;
	} else if (napi_get_typedarray_info(env, values[1], NULL, &size, (void **)&bytes, NULL, NULL) != napi_ok ||
		   from > size || length > size - from) {
		errno = EINVAL;
	} else {
		struct iovec part = { bytes + from, length };
		do {
			/* By number: C libraries have the function only since a few years. */
			received = syscall(SYS_preadv2, fd, &part, 1, (long)offset,
					   (long)((uint64_t)offset >> (sizeof(long) * 4) >> (sizeof(long) * 4)),
					   RWF_NOWAIT);
		} while (received < 0 && errno == EINTR);
	}
	napi_create_int32(env, received < 0 ? -errno : (int32_t)received, &result);
	return result;
}

/* makePatient(fd): 1: a regular file, of which O_NONBLOCK has been taken, 0: something else, or a negated errno */
static napi_value make_patient(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value, result;
	struct stat status;
	int32_t fd = -1, answer = 0;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_value_int32(env, value, &fd);
	if (fstat(fd, &status) < 0) {
		answer = -errno;
	} else if (S_ISREG(status.st_mode)) {
		int flags = fcntl(fd, F_GETFL);
		bool done = flags >= 0 && (!(flags & O_NONBLOCK) || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0);
		answer = done ? 1 : -errno;
	}
	napi_create_int32(env, answer, &result);
	return result;
}

/* The descriptors of one environment that nobody else closes at its end: one bit each, set by JavaScript. */
typedef struct {
	uint8_t *bits;
	size_t size;
} at_end_t;

static void close_now(void *data)
{
	at_end_t *at_end = data;
	for (size_t i = 0; i < at_end->size; i++)
		for (int bit = 0; at_end->bits[i] >> bit != 0; bit++)
			if (at_end->bits[i] >> bit & 1)
				close((int)(i * 8) + bit);
	free(at_end);
}

/* closeAtEnd(bits) */
static napi_value close_at_end(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value;
	napi_ref reference;
	at_end_t *at_end = calloc(1, sizeof *at_end);
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	if (at_end == NULL)
		return NULL;
	if (napi_get_typedarray_info(env, value, NULL, &at_end->size, (void **)&at_end->bits, NULL, NULL) != napi_ok) {
		free(at_end);
		return NULL;
	}
	/* For as long as the environment: never given back. */
	napi_create_reference(env, value, 1, &reference);
	napi_add_env_cleanup_hook(env, close_now, at_end);
	return NULL;
}

const napi_property_descriptor file_functions[] = {
	FUNCTION("lock", lock_file),
	FUNCTION("copyRange", copy_range),
	FUNCTION("sendFile", send_file),
	FUNCTION("readCached", read_cached),
	FUNCTION("makePatient", make_patient),
	FUNCTION("closeAtEnd", close_at_end),
};
const size_t file_function_count = sizeof file_functions / sizeof *file_functions;
