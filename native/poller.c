/*
 * The tight loops: one batch of epoll events with their receives, one call into JavaScript, one batch of sends.
 * Keeping the receives of a batch together, then all goroutines, then all sends, is what makes this fast: the
 * kernel's paths stay in the cache.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "gopark.h"

enum {
	ROUND_BUDGET_NS = 10 * 1000 * 1000, /* after this long timers, files and others have their turn */
	SMALLEST_RECV = 4096,               /* ask for at least this much: the rest waits in memory, not in a system call */
	CHAIN_VECTORS = 64,
	BATCH_NS = 5 * 1000 * 1000, /* what a batch should take, with all that its goroutines do, at most */
	KNOCK_MS = 50,
	WORTH_ANOTHER_ROUND = 8, /* after fewer completions it is libuv's turn to look, which it does anyway */
};

static int64_t monotonic_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void complete(driver_t *driver, int32_t kind, slot_t *slot, int32_t result, int32_t offset)
{
	completion_t *completion = &driver->completions[driver->header[H_COMPLETED]++];
	completion->kind = kind;
	completion->slot = index_of(driver, slot);
	completion->generation = slot->generation;
	completion->result = result;
	completion->offset = offset;
}

void retry_later(driver_t *driver, slot_t *slot)
{
	if (slot->flags & F_RETRYING)
		return;
	slot->flags |= F_RETRYING;
	int32_t capacity = driver->header[H_SLOTS]; /* each slot stands there once at most */
	int32_t at = driver->first_retry + driver->retries++;
	driver->retry[at < capacity ? at : at - capacity] = index_of(driver, slot);
}

static void receive(driver_t *driver, slot_t *slot)
{
	int32_t *header = driver->header;
	int32_t most = slot->want > SMALLEST_RECV ? slot->want : SMALLEST_RECV;
	if (most > header[H_MAX_RECV])
		most = header[H_MAX_RECV];
	int32_t offset = header[H_IN_OFFSET];
	if (header[H_IN_LIMIT] - offset < most) {
		/* No new edge will tell of these bytes: without the list this reader would sleep for ever. */
		retry_later(driver, slot);
		return;
	}
	ssize_t count = slot_receive(slot, driver->slab + offset, most);
	if (count < most && !(slot->flags & F_SHORT_MEANS_NOTHING))
		slot->flags &= ~F_READABLE;
	if (count < 0) {
		if (errno == EAGAIN) {
			slot->flags &= ~F_READABLE;
			return;
		}
		count = -errno;
	} else {
		header[H_IN_OFFSET] = offset + (((int32_t)count + 63) & ~63);
	}
	slot->flags &= ~F_WANT_RECV;
	complete(driver, K_RECEIVED, slot, (int32_t)count, offset);
}

/* What a full receive has left is for the next round, behind the others: as a level-triggered set would have it. */
static void receive_stream(driver_t *driver, slot_t *slot)
{
	int32_t *header = driver->header;
	if (slot->streamed_in == driver->batch) {
		/* It was in the retry list, and an edge came, too. */
		retry_later(driver, slot);
		return;
	}
	slot->streamed_in = driver->batch;
	if (slot->want < 0) {
		/* It has memory of its own for that, and fetches when its turn has come. */
		complete(driver, K_FETCH, slot, 0, 0);
		return;
	}
	int32_t most = slot->want > SMALLEST_RECV ? slot->want : SMALLEST_RECV;
	if (most > header[H_MAX_RECV])
		most = header[H_MAX_RECV];
	int32_t offset = header[H_IN_OFFSET];
	if (header[H_IN_LIMIT] - offset < most) {
		retry_later(driver, slot);
		return;
	}
	ssize_t count = slot_receive(slot, driver->slab + offset, most);
	if (count < 0 && errno == EAGAIN) {
		slot->flags &= ~F_READABLE;
		return;
	}
	if (count <= 0) {
		slot->flags &= ~F_STREAM;
		complete(driver, K_STREAMED, slot, count < 0 ? -errno : 0, offset);
		return;
	}
	if (count == most || (slot->flags & F_SHORT_MEANS_NOTHING))
		retry_later(driver, slot);
	else
		slot->flags &= ~F_READABLE;
	header[H_IN_OFFSET] = offset + (((int32_t)count + 63) & ~63);
	complete(driver, K_STREAMED, slot, (int32_t)count, offset);
}

static void on_readable_slot(driver_t *driver, slot_t *slot)
{
	if (slot->flags & F_STREAM) {
		receive_stream(driver, slot);
	} else if (slot->flags & F_WANT_RECV) {
		receive(driver, slot);
	} else if (slot->flags & F_WANT_READABLE) {
		slot->flags &= ~F_WANT_READABLE;
		complete(driver, K_READABLE, slot, 0, 0);
	} else if (slot->flags & F_WANT_ACCEPT) {
		int32_t accepted = accept_slot(driver, slot);
		if (accepted == -EAGAIN)
			return;
		slot->flags &= ~F_WANT_ACCEPT;
		if (accepted >= 0 && !more_to_accept(slot))
			slot->flags &= ~F_READABLE;
		complete(driver, K_ACCEPTED, slot, accepted, accepted < 0 ? 0 : driver->slots[accepted].generation);
	}
}

static void on_writable_slot(driver_t *driver, slot_t *slot)
{
	if (slot->flags & F_CONNECTING) {
		int error = 0;
		socklen_t length = sizeof error;
		if (getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
			error = errno;
		slot->flags &= ~F_CONNECTING;
		complete(driver, K_CONNECTED, slot, -error, 0);
	} else if (slot->flags & F_WANT_WRITABLE) {
		slot->flags &= ~F_WANT_WRITABLE;
		complete(driver, K_WRITABLE, slot, 0, 0);
	}
}

/* Whom an event is for: slot and generation, never the descriptor, whose number may be somebody else's by now. */
static slot_t *slot_of_event(driver_t *driver, uint64_t data)
{
	slot_t *slot = &driver->slots[(uint32_t)data];
	return slot->generation == (int32_t)(data >> 32) && slot->fd >= 0 ? slot : NULL;
}

/* In their order, and whose turn has not come stays in front: who sends without end does not keep others from theirs. */
static void retry_readers(driver_t *driver)
{
	int32_t *header = driver->header;
	for (int32_t left = driver->retries; left > 0; left--) {
		if (header[H_COMPLETED] >= driver->batch_limit || header[H_IN_LIMIT] - header[H_IN_OFFSET] < header[H_MAX_RECV])
			return;
		slot_t *slot = &driver->slots[driver->retry[driver->first_retry]];
		driver->first_retry = driver->first_retry + 1 < header[H_SLOTS] ? driver->first_retry + 1 : 0;
		driver->retries--;
		slot->flags &= ~F_RETRYING;
		/* Cancelled, closed or given to another owner meanwhile: then its flags say so. */
		if (slot->fd >= 0 && slot->flags & F_READABLE && slot->flags & (F_WANT_RECV | F_STREAM))
			on_readable_slot(driver, slot);
	}
}

/*
 * Accepted connections have an owner by now, which may have read already; else this receives for it: what is received
 * before the set knows a connection makes no event. Where the set has no room for one (fs.epoll.max_user_watches), it is
 * tried again before the loop sleeps, and after KNOCK_MS: other processes make room, too, and that is no event of ours.
 */
static void welcome(driver_t *driver)
{
	int32_t count = driver->newcomer_count;
	driver->newcomer_count = 0;
	driver->unwelcomed = false;
	for (int32_t i = 0; i < count; i++) {
		int32_t index = driver->newcomers[i];
		slot_t *slot = &driver->slots[index];
		slot->flags &= ~F_NEWCOMER;
		if (slot->fd < 0)
			continue;
		if (slot->flags & F_READABLE && slot->flags & (F_WANT_RECV | F_STREAM)) {
			if (driver->header[H_COMPLETED] < driver->batch_limit)
				on_readable_slot(driver, slot);
			else
				retry_later(driver, slot);
		}
		if (slot->set < 0 && slot_watch(driver, slot, 0) < 0) {
			slot->flags |= F_NEWCOMER;
			driver->newcomers[driver->newcomer_count++] = index;
		}
	}
}

/* One bounded batch: what the kernel has to report, with the bytes of parked readers already received. */
void collect(driver_t *driver, poller_set_t *set)
{
	driver->header[H_COMPLETED] = 0;
	driver->batch = driver->batch == INT32_MAX ? 1 : driver->batch + 1;
	if (driver->retries > 0)
		retry_readers(driver);
	if (driver->newcomer_count > 0)
		welcome(driver);
	int count = epoll_wait(set->epoll, driver->events, driver->batch_limit, 0);
	for (int i = 0; i < count; i++) {
		struct epoll_event *event = &driver->events[i];
		slot_t *slot = slot_of_event(driver, event->data.u64);
		if (slot == NULL)
			continue;
		if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !(slot->flags & F_RING))
			slot->flags |= F_PEER_CLOSED;
		/* A half closed peer is not writable news, or a blocked writer would spin (RDHUP is absent on purpose). */
		if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
			slot->flags |= F_WRITABLE;
			on_writable_slot(driver, slot);
		}
		/* What a ring's connection has to read is the ring's to tell. */
		if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR) && !(slot->flags & F_RING)) {
			slot->flags |= F_READABLE;
			on_readable_slot(driver, slot);
		}
	}
}

/* Sends a slot's chain. Returns the bytes that went, or a negated errno with *unsent; the chain is over either way
 * unless the count is short: then JavaScript takes the rest out of the slab. */
int32_t flush_slot(driver_t *driver, slot_t *slot, int32_t *unsent)
{
	struct iovec vectors[CHAIN_VECTORS];
	int32_t total = slot->out_length;
	int32_t sent = 0;
	int32_t next = slot->out_head;
	*unsent = 0;
	while (next >= 0) {
		int used = 0;
		int32_t batch = 0;
		for (; next >= 0 && used < CHAIN_VECTORS; used++) {
			segment_t *segment = &driver->segments[next];
			vectors[used].iov_base = driver->slab + segment->offset;
			vectors[used].iov_len = segment->length;
			batch += segment->length;
			next = segment->next;
		}
		ssize_t count;
		if (used == 1) {
			count = send_bytes(slot->fd, vectors[0].iov_base, vectors[0].iov_len);
		} else {
			struct msghdr message = { .msg_iov = vectors, .msg_iovlen = used };
			do {
				count = sendmsg(slot->fd, &message, MSG_NOSIGNAL);
			} while (count < 0 && errno == EINTR);
		}
		if (count < 0 && errno != EAGAIN) {
			*unsent = total - sent;
			slot->out_head = slot->out_tail = -1;
			slot->out_length = 0;
			return -errno;
		}
		if (count > 0)
			sent += count;
		if (count < batch) {
			slot->flags &= ~F_WRITABLE;
			return sent;
		}
	}
	slot->out_head = slot->out_tail = -1;
	slot->out_length = 0;
	return sent;
}

/* Hands every staged chain to the kernel; what it refuses becomes completions. Stops when their array is full. */
void flush(driver_t *driver)
{
	int32_t *header = driver->header;
	int32_t count = header[H_DIRTY];
	int32_t done = 0;
	header[H_COMPLETED] = 0;
	if (driver->ring != NULL)
		done = ring_flush(driver, count);
	for (; done < count && header[H_COMPLETED] < header[H_COMPLETIONS]; done++) {
		slot_t *slot = &driver->slots[driver->dirty[done]];
		slot->flags &= ~F_DIRTY;
		if (slot->out_head < 0)
			continue;
		int32_t total = slot->out_length;
		int32_t unsent;
		int32_t sent = flush_slot(driver, slot, &unsent);
		if (sent < 0)
			complete(driver, K_SEND_FAILED, slot, sent, unsent);
		else if (sent < total)
			complete(driver, K_SEND_PARTIAL, slot, sent, 0);
	}
	for (int32_t i = done; i < count; i++)
		driver->dirty[i - done] = driver->dirty[i];
	header[H_DIRTY] = count - done;
	if (done == count && header[H_COMPLETED] == 0) {
		header[H_OUT_OFFSET] = header[H_OUT_START];
		header[H_SEGMENTS_USED] = 0;
	}
}

/* Runs JavaScript on the completions, then the goroutines they woke. False when this thread is being ended. */
bool call_javascript(napi_env env, napi_async_context context, napi_ref function)
{
	napi_value callback, global, error;
	if (napi_get_reference_value(env, function, &callback) != napi_ok || napi_get_global(env, &global) != napi_ok)
		return false;
	napi_status status = napi_make_callback(env, context, global, callback, 0, NULL, NULL);
	if (status == napi_ok)
		return true;
	bool pending = false;
	if (napi_is_exception_pending(env, &pending) != napi_ok || !pending)
		return false;
	if (napi_get_and_clear_last_exception(env, &error) != napi_ok)
		return false;
	/* Nobody above us could catch it: as with any callback of Node's, it is an uncaught exception. */
	return napi_fatal_exception(env, error) == napi_ok;
}

static bool call_on_batch(driver_t *driver)
{
	driver->ran = true;
	return call_javascript(driver->env, driver->async_context, driver->on_batch);
}

static bool flush_and_report(driver_t *driver)
{
	if (driver->header[H_DIRTY] == 0)
		return true;
	flush(driver);
	return driver->header[H_COMPLETED] == 0 || call_on_batch(driver);
}

/* Those whom this round has accepted: most have their first bytes already, so that there is nothing to wait for. */
static bool welcome_and_report(driver_t *driver)
{
	if (!driver->unwelcomed)
		return true;
	driver->header[H_COMPLETED] = 0;
	welcome(driver);
	return driver->header[H_COMPLETED] == 0 || (call_on_batch(driver) && flush_and_report(driver));
}

/*
 * Goroutines cannot be interrupted: only the size of a batch decides how long timers and others wait for it. When
 * many are ready at once it begins small, and doubles while that takes no time; what took too long shows how many fit.
 */
static void adapt_batch(driver_t *driver, int32_t found, int64_t took)
{
	int32_t limit = driver->batch_limit;
	if (took > BATCH_NS && found > 0) {
		int32_t fit = (int32_t)(found * (int64_t)BATCH_NS / took);
		limit = fit < 1 ? 1 : fit < limit ? fit : limit;
	} else if (found >= limit) {
		limit = took < BATCH_NS / 2 && limit <= EVENT_BATCH / 2 ? 2 * limit : limit;
	} else if (found < limit / 4) {
		limit = limit / 2 > FIRST_BATCH ? limit / 2 : FIRST_BATCH;
	}
	driver->batch_limit = limit;
}

/* The same for whoever else runs goroutines in this thread. */
bool flush_chains(napi_env env)
{
	driver_t *driver = NULL;
	napi_get_instance_data(env, (void **)&driver);
	return driver == NULL || driver->closing || flush_and_report(driver);
}

static void run_rounds(driver_t *driver, poller_set_t *set)
{
	napi_handle_scope scope;
	if (napi_open_handle_scope(driver->env, &scope) != napi_ok)
		return;
	int64_t began = monotonic_ns();
	int64_t end = began + ROUND_BUDGET_NS;
	for (;;) {
		int32_t limit = driver->batch_limit;
		collect(driver, set);
		int32_t found = driver->header[H_COMPLETED];
		if (found > 0 && !call_on_batch(driver))
			break;
		if (!flush_and_report(driver) || !welcome_and_report(driver))
			break;
		int64_t now = monotonic_ns();
		adapt_batch(driver, found, now - began);
		began = now;
		bool more = found >= WORTH_ANOTHER_ROUND || found >= limit || driver->retries > 0;
		if (driver->closing || !more || now >= end)
			break;
	}
	napi_close_handle_scope(driver->env, scope);
}

/* The loop wakes up, and looks at its newcomers before it sleeps again. */
static void on_knock(uv_timer_t *handle)
{
	(void)handle;
}

static void let_knock(driver_t *driver)
{
	bool needed = !driver->closing && driver->newcomer_count > 0;
	if (needed == driver->knocking)
		return;
	driver->knocking = needed;
	if (needed)
		uv_timer_start(driver->knock, on_knock, KNOCK_MS, KNOCK_MS);
	else
		uv_timer_stop(driver->knock);
}

/* Work that no event will announce again must not let the loop sleep. */
static void stay_awake(driver_t *driver, bool ran)
{
	bool busy = !driver->closing && (ran || driver->header[H_DIRTY] > 0 || driver->retries > 0 || driver->unwelcomed);
	if (busy == driver->idling)
		return;
	driver->idling = busy;
	if (busy)
		uv_idle_start(driver->idle, on_idle);
	else
		uv_idle_stop(driver->idle);
}

void on_readable(uv_poll_t *handle, int status, int events)
{
	(void)status;
	(void)events;
	poller_set_t *set = uv_handle_get_data((uv_handle_t *)handle);
	run_rounds(set->driver, set);
	stay_awake(set->driver, false);
}

int32_t monotonic_us(void)
{
	return (int32_t)(uint32_t)(monotonic_ns() / 1000);
}

/* JavaScript reads from here that time has passed, and how long it has kept the loop from sleeping. */
static void end_turn(int32_t *header)
{
	header[H_TURN] = (int32_t)((uint32_t)header[H_TURN] + 1);
	if (header[H_RAN_FROM] == 0)
		return;
	header[H_RAN_FOR] = (int32_t)((uint32_t)monotonic_us() - (uint32_t)header[H_RAN_FROM]);
	header[H_RAN_FROM] = 0;
}

/* Right before the loop sleeps: what timers, file callbacks and others wrote since the last round goes out now. */
void on_prepare(uv_prepare_t *handle)
{
	driver_t *driver = uv_handle_get_data((uv_handle_t *)handle);
	int32_t *header = driver->header;
	driver->ran = false;
	if (driver->retries > 0 || driver->newcomer_count > 0) {
		run_rounds(driver, &driver->sets[0]);
	} else if (header[H_DIRTY] > 0) {
		napi_handle_scope scope;
		if (napi_open_handle_scope(driver->env, &scope) == napi_ok) {
			flush_and_report(driver);
			napi_close_handle_scope(driver->env, scope);
		}
	}
	/* What goroutines that ran here submitted elsewhere, to a ring, is looked at before the loop sleeps the next time. */
	stay_awake(driver, driver->ran);
	let_knock(driver);
	if (header[H_HOLDS] == 0 && header[H_REFERENCED] && !driver->closing) {
		uv_unref((uv_handle_t *)driver->sets[0].poll);
		header[H_REFERENCED] = 0;
	}
	end_turn(header);
}

void on_idle(uv_idle_t *handle)
{
	(void)handle;
}
