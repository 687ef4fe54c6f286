/*
 * Pipes and FIFOs: their descriptors belong to somebody else, who closes them when their slot is closed. They are
 * non-blocking already: that is a property of what other processes may share with us, and not ours to change.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arguments.h"

ssize_t pipe_read(int fd, void *memory, size_t size)
{
	ssize_t count;
	do {
		count = read(fd, memory, size);
	} while (count < 0 && errno == EINTR);
	return count;
}

/* Without a reader the signal would end a process that has not chosen to ignore it. */
ssize_t pipe_write(int fd, const void *memory, size_t size)
{
	sigset_t mask;
	ssize_t count;
	bool blocked = block_sigpipe(&mask);
	do {
		count = write(fd, memory, size);
	} while (count < 0 && errno == EINTR);
	int error = errno;
	if (blocked)
		unblock_sigpipe(&mask, count < 0 && error == EPIPE);
	errno = error;
	return count;
}

/* 1: bytes wait, 0: the end, or a negated errno. */
int32_t pipe_peek(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };
	int count;
	do {
		count = poll(&entry, 1, 0);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	if (entry.revents & POLLIN)
		return 1;
	return entry.revents & (POLLHUP | POLLERR) ? 0 : -EAGAIN;
}

/* borrowPipe(fd): slot of a non-blocking pipe or FIFO, or a negated errno: then nothing has happened to it */
static napi_value borrow_pipe(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value, result;
	driver_t *driver = NULL;
	struct stat status;
	int32_t fd = -1, slot;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	napi_get_value_int32(env, value, &fd);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &status) < 0)
		slot = -errno;
	else if (!(flags & O_NONBLOCK) || !S_ISFIFO(status.st_mode))
		slot = -EINVAL;
	else
		slot = slot_open(driver, fd, F_PIPE | F_WRITABLE);
	napi_create_int32(env, slot, &result);
	return result;
}

/*
 * openPipe(take): calls take(reader, writer) with a new pipe and closes both: who wants them opens them again, so that
 * they are Node's own from the start. 0 or a negated errno; what `take` throws is thrown on.
 */
static napi_value open_pipe(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value take, global, ends[2], result;
	int pair[2];
	napi_get_cb_info(env, info, &count, &take, NULL, NULL);
	int status = pipe2(pair, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
	if (status == 0) {
		napi_get_global(env, &global);
		napi_create_int32(env, pair[0], &ends[0]);
		napi_create_int32(env, pair[1], &ends[1]);
		napi_status called = napi_call_function(env, global, take, 2, ends, NULL);
		close(pair[0]);
		close(pair[1]);
		if (called != napi_ok)
			return NULL;
	}
	napi_create_int32(env, status, &result);
	return result;
}

const napi_property_descriptor pipe_functions[] = {
	FUNCTION("borrowPipe", borrow_pipe),
	FUNCTION("openPipe", open_pipe),
};
const size_t pipe_function_count = sizeof pipe_functions / sizeof *pipe_functions;
