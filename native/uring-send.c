/*
 * The sends of a batch as submissions of a ring: one call of the kernel's for all of them, and for whatever else was
 * submitted. None waits in the kernel (MSG_DONTWAIT), so that all have ended when that call returns and the kernel keeps
 * no memory of ours. Only what did not go whole has a completion (MSG_WAITALL makes a short send a failure, and
 * successes are silent): of a batch that everybody takes there is nothing to read.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "arguments.h"
#include "uring.h"

enum {
	CHAIN_VECTORS = 64,
	MOST_SENDS = 256,  /* in a call */
	MOST_MESSAGES = 64, /* of these with more than one segment */
	MOST_OF_ONE = 64,  /* completions that another submission may have at once: a multishot receive has 32 */
	MOST_ATTEMPTS = 8,
	TAG_SHIFT = 28, /* src/poll/drivers/uring/ring.ts */
};

typedef struct {
	int32_t slot;
	int32_t result; /* what its completion says; SENT: it has none */
} send_t;

enum { SENT = INT32_MAX };

/* How often, where JavaScript reads it as unsigned. */
static void count_up(int32_t *counter, uint32_t by)
{
	*counter = (int32_t)((uint32_t)*counter + by);
}

typedef struct {
	send_t sends[MOST_SENDS];
	struct msghdr messages[MOST_MESSAGES];
	struct iovec vectors[MOST_MESSAGES][CHAIN_VECTORS];
} batch_t;

/* A chain in the kernel's words. False: it is too long, or there are too many like it. */
static bool fill(driver_t *driver, batch_t *batch, slot_t *slot, int *messages, struct uring_sqe *sqe)
{
	segment_t *segment = &driver->segments[slot->out_head];
	*sqe = (struct uring_sqe){
		.opcode = URING_OP_SEND, .flags = URING_SQE_CQE_SKIP_SUCCESS, .fd = slot->fd,
		.address = (uintptr_t)(driver->slab + segment->offset), .length = segment->length,
		.op_flags = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL,
	};
	if (segment->next < 0)
		return true;
	if (*messages == MOST_MESSAGES)
		return false;
	struct iovec *vectors = batch->vectors[*messages];
	int used = 0;
	for (int32_t next = slot->out_head; next >= 0; next = segment->next) {
		if (used == CHAIN_VECTORS)
			return false;
		segment = &driver->segments[next];
		vectors[used++] = (struct iovec){ driver->slab + segment->offset, segment->length };
	}
	struct msghdr *message = &batch->messages[(*messages)++];
	*message = (struct msghdr){ .msg_iov = vectors, .msg_iovlen = used };
	sqe->opcode = URING_OP_SENDMSG;
	sqe->address = (uintptr_t)message;
	sqe->length = 1;
	return true;
}

/* Whether all completions of a batch will have room, beside those of what else waits to be submitted. */
static bool has_room(uring_t *ring, uint32_t count)
{
	uint32_t flags = __atomic_load_n(ring->sq_flags, __ATOMIC_ACQUIRE);
	uint64_t needed = (uint64_t)uring_pending(ring) * MOST_OF_ONE + count + uring_completions(ring);
	return !(flags & URING_SQ_CQ_OVERFLOW) && needed <= ring->cq_entries && uring_pending(ring) < ring->sq_entries;
}

/* Submits what is there. What the kernel does not take of the last `count` is taken back: how many that is. */
static uint32_t hand_over(uring_t *ring, uint32_t count)
{
	for (int i = 0; i < MOST_ATTEMPTS && uring_pending(ring) > 0; i++)
		syscall(SYS_URING_ENTER, ring->fd, uring_pending(ring), 0, 0, NULL, 0);
	uint32_t left = uring_pending(ring) < count ? uring_pending(ring) : count;
	if (left > 0)
		__atomic_store_n(ring->sq_tail, *ring->sq_tail - left, __ATOMIC_RELEASE);
	return left;
}

/* As `flush` in poller.c does it. */
static void report(driver_t *driver, slot_t *slot, int32_t sent, int32_t unsent)
{
	if (sent == -EAGAIN || sent == -EINTR)
		sent = 0;
	if (sent >= 0 && sent < slot->out_length) {
		slot->flags &= ~F_WRITABLE;
		complete(driver, K_SEND_PARTIAL, slot, sent, 0);
		return;
	}
	slot->out_head = slot->out_tail = -1;
	slot->out_length = 0;
	if (sent < 0)
		complete(driver, K_SEND_FAILED, slot, sent, unsent);
}

static void send_plainly(driver_t *driver, int32_t index)
{
	slot_t *slot = &driver->slots[index];
	int32_t unsent, sent = flush_slot(driver, slot, &unsent);
	report(driver, slot, sent, unsent);
}

/* The first `to` of the dirty slots: how many have been dealt with. Who is left is sent by plain calls. */
int32_t ring_flush(driver_t *driver, int32_t to)
{
	int32_t from = 0;
	uring_t *ring = driver->ring;
	batch_t *batch = ring->batch;
	int32_t *header = driver->header;
	while (to - from >= ring->worth_sending) {
		uint32_t most = ring->sq_entries - uring_pending(ring), count = 0;
		int messages = 0;
		if (most > MOST_SENDS)
			most = MOST_SENDS;
		if (most > (uint32_t)(header[H_COMPLETIONS] - header[H_COMPLETED]))
			most = header[H_COMPLETIONS] - header[H_COMPLETED];
		if (most == 0 || !has_room(ring, most))
			return from;
		uint32_t mask = ring->sq_entries - 1, tail = *ring->sq_tail;
		uint32_t cq_before = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
		uint32_t serial = ++ring->send_batch;
		for (; from < to && count < most; from++) {
			slot_t *slot = &driver->slots[driver->dirty[from]];
			if (slot->out_head >= 0) {
				struct uring_sqe *sqe = &((struct uring_sqe *)ring->sqes)[(tail + count) & mask];
				if (!fill(driver, batch, slot, &messages, sqe))
					break;
				sqe->user = ring->send_user | count;
				sqe->generation = serial;
				batch->sends[count++] = (send_t){ driver->dirty[from], SENT };
			}
			slot->flags &= ~F_DIRTY;
		}
		if (count == 0 && from < to) {
			/* A chain too long for a submission, in front: by itself, and on with the others. */
			driver->slots[driver->dirty[from]].flags &= ~F_DIRTY;
			send_plainly(driver, driver->dirty[from++]);
			continue;
		}
		if (count == 0)
			return from;
		__atomic_store_n(ring->sq_tail, tail + count, __ATOMIC_RELEASE);
		uint32_t left = hand_over(ring, count);
		uint32_t cq_after = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
		for (; cq_before != cq_after; cq_before++) {
			struct uring_cqe *cqe = &ring->cqes[cq_before & (ring->cq_entries - 1)];
			/* Of this batch: what else has its mark may be a straggler. */
			if ((cqe->user & ~(uint32_t)(MOST_SENDS - 1)) == ring->send_user && cqe->generation == serial)
				batch->sends[cqe->user & (MOST_SENDS - 1)].result = cqe->result;
		}
		uint32_t taken = count - left, in_part = 0;
		for (uint32_t i = 0; i < taken; i++) {
			slot_t *slot = &driver->slots[batch->sends[i].slot];
			in_part += batch->sends[i].result != SENT;
			report(driver, slot, batch->sends[i].result, slot->out_length);
		}
		for (uint32_t i = taken; i < count; i++)
			send_plainly(driver, batch->sends[i].slot);
		count_up(&header[H_RING_CALLS], 1);
		count_up(&header[H_RING_SENDS], taken);
		count_up(&header[H_RING_SHORT], in_part);
		if (left > 0)
			return from;
	}
	return from;
}

void ring_detach(driver_t *driver)
{
	if (driver->ring != NULL)
		driver->ring->driver = NULL;
	driver->ring = NULL;
}

/* uringSends(ring, tag, least): the chains of a round go by the ring when there are so many. 0 or a negated errno */
static napi_value uring_sends(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	driver_t *driver = NULL;
	uring_t *ring = ring_argument(env, info, 3, values);
	napi_get_instance_data(env, (void **)&driver);
	if (ring == NULL || driver == NULL)
		return number(env, -EBADF);
	if (ring->batch == NULL)
		ring->batch = malloc(sizeof(batch_t));
	if (ring->batch == NULL)
		return number(env, -ENOMEM);
	ring->send_user = (uint32_t)int_argument(env, values[1]) << TAG_SHIFT;
	ring->worth_sending = int_argument(env, values[2]);
	ring_detach(driver);
	ring->driver = driver;
	driver->ring = ring;
	return number(env, 0);
}

const napi_property_descriptor uring_send_functions[] = {
	FUNCTION("uringSends", uring_sends),
};
const size_t uring_send_function_count = sizeof uring_send_functions / sizeof *uring_send_functions;
