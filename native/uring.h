/*
 * What the kernel and we agree on about io_uring, by hand: the headers of a machine are often older than its kernel.
 * Everything that only src/poll/drivers/uring/abi.ts needs is there and not here.
 */
#ifndef GOPARK_URING_H
#define GOPARK_URING_H

#include <stdint.h>

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
	URING_ENTER_GETEVENTS = 1 << 0,
	URING_SQ_CQ_OVERFLOW = 1 << 1,
	URING_SQ_TASKRUN = 1 << 2,
	URING_CQ_EVENTFD_DISABLED = 1 << 0,
	URING_REGISTER_EVENTFD = 4,
	URING_REGISTER_SYNC_CANCEL = 24,
	URING_CANCEL_ALL = 1 << 0,
	URING_CANCEL_ANY = 1 << 2,
};

#endif
