/*
 * What the kernel and we agree on about io_uring, by hand: the headers of a machine are often older than its kernel.
 * Everything that only src/poll/drivers/uring/abi.ts needs is there and not here.
 */
#ifndef GOPARK_URING_H
#define GOPARK_URING_H

#include <stdint.h>

#include "gopark.h"

/* The same on every architecture. */
enum { SYS_URING_SETUP = 425, SYS_URING_ENTER = 426, SYS_URING_REGISTER = 427 };

/* Where things lie in the mapped rings. */
struct uring_sq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
	uint64_t user_address;
};

struct uring_cq_offsets {
	uint32_t head, tail, ring_mask, ring_entries, overflow, cqes, flags, reserved;
	uint64_t user_address;
};

/* struct io_uring_params: JavaScript gets its words as they are. */
struct uring_params {
	uint32_t sq_entries, cq_entries, flags, sq_thread_cpu, sq_thread_idle, features, wq_fd, reserved[3];
	struct uring_sq_offsets sq;
	struct uring_cq_offsets cq;
};

/* A submission, as far as sends need it. */
struct uring_sqe {
	uint8_t opcode, flags;
	uint16_t priority;
	int32_t fd;
	uint64_t offset, address;
	uint32_t length, op_flags, user, generation;
	uint64_t rest[3];
};

struct uring_cqe {
	uint32_t user, generation;
	int32_t result;
	uint32_t flags;
};

struct uring_timespec {
	int64_t seconds, nanoseconds;
};

struct uring_sync_cancel {
	uint64_t address;
	int32_t fd;
	uint32_t flags;
	struct uring_timespec timeout;
	uint8_t opcode, padding[7];
	uint64_t reserved[3];
};

enum {
	URING_SQE_SIZE = 64,
	URING_CQE_SIZE = 16,
	URING_OFFSET_RINGS = 0,
	URING_OFFSET_SQES = 0x10000000,
	URING_FEATURE_SINGLE_MMAP = 1 << 0,
	URING_OP_SENDMSG = 9,
	URING_OP_SEND = 26,
	URING_SQE_CQE_SKIP_SUCCESS = 1 << 6,
	URING_ENTER_GETEVENTS = 1 << 0,
	URING_SQ_CQ_OVERFLOW = 1 << 1,
	URING_SQ_TASKRUN = 1 << 2,
	URING_CQ_EVENTFD_DISABLED = 1 << 0,
	URING_REGISTER_EVENTFD = 4,
	URING_REGISTER_SYNC_CANCEL = 24,
	URING_CANCEL_ALL = 1 << 0,
	URING_CANCEL_ANY = 1 << 2,
};

typedef struct uring {
	napi_env env;
	napi_async_cleanup_hook_handle cleanup;
	napi_async_context async_context;
	napi_ref on_batch;
	int fd;
	int wake; /* an eventfd: the ring's own descriptor does not wake epoll while completions wait for the kernel's work */
	void *rings, *sqes;
	size_t rings_size, sqes_size;
	uint32_t *sq_head, *sq_tail, *sq_flags, *cq_head, *cq_tail, *cq_flags;
	struct uring_cqe *cqes;
	uint32_t sq_entries, cq_entries;
	void *batch; /* memory for sends */
	int32_t worth_sending; /* at least so many at a time */
	uint32_t send_user; /* what marks a send, in the upper bits of its user data */
	uint32_t send_batch; /* number of the last batch of sends */
	uv_loop_t *loop;
	uv_poll_t *poll;
	uv_prepare_t *prepare;
	uv_idle_t *idle;
	enum { READ_WAKES, EDGES, EDGES_REFUSED } waking;
	int in_vain; /* wake-ups in a row that had nothing to tell */
	int users; /* handles that are not closed yet, and what JavaScript has of it */
	bool idling, closed, ending;
	driver_t *driver; /* whose sends go by it, or NULL: uring-send.c */
} uring_t;

/* uring.c */
uring_t *ring_argument(napi_env env, napi_callback_info info, size_t count, napi_value *values);

static inline uint32_t uring_pending(uring_t *ring)
{
	return __atomic_load_n(ring->sq_tail, __ATOMIC_ACQUIRE) - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

static inline uint32_t uring_completions(uring_t *ring)
{
	return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - __atomic_load_n(ring->cq_head, __ATOMIC_RELAXED);
}

#endif
