/*
 * Bytes from one descriptor to another inside the kernel. Sockets need a pipe in between: it is taken from a small
 * pool when bytes move and given back as soon as it is empty, so that nobody who waits for a peer holds one. Where
 * one of the two is a pipe itself, the bytes go straight.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "arguments.h"

enum {
	PIPE_SIZE = 256 * 1024, /* each piece of a packet takes a page's place in it: the default would fill up early */
	POOLED = 8,             /* pipes that are kept while nobody needs one */
	STEP = 256 * 1024,      /* after so much others have their turn */
	SMALL = 16 * 1024,      /* up to here two copies are cheaper than the way through a pipe */
	ATTEMPTS = 3,           /* in a row that bring neither bytes nor the reason why not */
};

typedef struct {
	int in, out; /* -1: the entry is free, and `next` links to the next free one */
	int32_t held; /* bytes in it */
	int32_t next;
} channel_t;

struct pipes {
	channel_t *channels;
	int32_t count;
	int32_t free;   /* list of entries without a pipe */
	int32_t idle;   /* list of empty pipes that nobody uses */
	int32_t idlers;
};

static struct pipes *pipes_of(driver_t *driver)
{
	if (driver->pipes == NULL) {
		driver->pipes = calloc(1, sizeof *driver->pipes);
		if (driver->pipes != NULL)
			driver->pipes->free = driver->pipes->idle = -1;
	}
	return driver->pipes;
}

static void channel_close(struct pipes *pipes, int32_t index)
{
	channel_t *channel = &pipes->channels[index];
	close(channel->in);
	close(channel->out);
	channel->in = channel->out = -1;
	channel->held = 0;
	channel->next = pipes->free;
	pipes->free = index;
}

static bool grow(struct pipes *pipes)
{
	int32_t count = pipes->count == 0 ? 16 : pipes->count * 2;
	channel_t *channels = realloc(pipes->channels, sizeof *channels * count);
	if (channels == NULL)
		return false;
	pipes->channels = channels;
	for (int32_t i = pipes->count; i < count; i++) {
		channels[i] = (channel_t){ .in = -1, .out = -1, .next = pipes->free };
		pipes->free = i;
	}
	pipes->count = count;
	return true;
}

/* An empty pipe, or -1 where there is none to be had. */
static int32_t channel_take(driver_t *driver)
{
	struct pipes *pipes = pipes_of(driver);
	if (pipes == NULL)
		return -1;
	int32_t index = pipes->idle;
	if (index >= 0) {
		pipes->idle = pipes->channels[index].next;
		pipes->idlers--;
		return index;
	}
	int ends[2];
	if ((pipes->free < 0 && !grow(pipes)) || pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return -1;
	/* Who has used up his share of memory for pipes gets a small one, and so be it. */
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_SIZE);
	index = pipes->free;
	pipes->free = pipes->channels[index].next;
	pipes->channels[index] = (channel_t){ .in = ends[1], .out = ends[0], .next = -1 };
	return index;
}

/* One that still holds bytes is closed: they are nobody else's. */
static void channel_give(struct pipes *pipes, int32_t index)
{
	channel_t *channel = &pipes->channels[index];
	if (channel->held > 0 || pipes->idlers >= POOLED) {
		channel_close(pipes, index);
		return;
	}
	channel->next = pipes->idle;
	pipes->idle = index;
	pipes->idlers++;
}

void pipes_free(struct pipes *pipes)
{
	if (pipes == NULL)
		return;
	for (int32_t i = 0; i < pipes->count; i++)
		if (pipes->channels[i].in >= 0)
			channel_close(pipes, i);
	free(pipes->channels);
	free(pipes);
}

/* One step of one copy. */
typedef struct {
	driver_t *driver;
	slot_t *from, *to;
	int32_t channel; /* with bytes of an earlier step, or -1 */
	int64_t most;
	bool bulk;       /* much comes: not through our memory */
	int32_t taken, sent, error;
	int32_t left_from, left_to; /* of the slab: received, and not sent */
	bool piped, guarded;
	sigset_t mask;
} step_t;

static ssize_t splice_bytes(int from, int to, size_t size)
{
	ssize_t count;
	do {
		/* Never SPLICE_F_MORE: the last piece would wait for another one. */
		count = splice(from, NULL, to, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	} while (count < 0 && errno == EINTR);
	return count;
}

static int32_t failed(step_t *step, int32_t outcome, int error)
{
	step->error = error;
	return outcome;
}

static int32_t empty(step_t *step)
{
	step->from->flags &= ~F_READABLE;
	return SPLICE_EMPTY;
}

static int32_t full(step_t *step)
{
	step->to->flags &= ~F_WRITABLE;
	return SPLICE_FULL;
}

/* splice has no MSG_NOSIGNAL. */
static void guard(step_t *step)
{
	if (!step->guarded)
		step->guarded = block_sigpipe(&step->mask);
}

/* What no splice can bring to its destination goes by way of memory. */
static int32_t give_up(step_t *step)
{
	channel_t *channel = step->channel < 0 ? NULL : &step->driver->pipes->channels[step->channel];
	if (channel != NULL) {
		ssize_t count = read(channel->out, step->driver->slab, step->driver->header[H_MAX_RECV]);
		if (count > 0)
			channel->held -= count;
		else
			channel->held = 0;
		step->left_to = count > 0 ? count : 0;
	}
	return SPLICE_CANNOT;
}

/* Goes on: 0. Else the outcome of the step. */
static int32_t empty_channel(step_t *step)
{
	channel_t *channel = &step->driver->pipes->channels[step->channel];
	guard(step);
	while (channel->held > 0) {
		ssize_t count = splice_bytes(channel->out, step->to->fd, channel->held);
		if (count < 0 && errno == EINVAL)
			return give_up(step);
		if (count < 0 && errno != EAGAIN)
			return failed(step, SPLICE_TO_FAILED, errno);
		if (count <= 0)
			return full(step);
		channel->held -= count;
		step->sent += count;
	}
	return 0;
}

static int32_t fill_channel(step_t *step)
{
	if (step->channel < 0)
		step->channel = channel_take(step->driver);
	if (step->channel < 0) {
		step->bulk = false;
		return 0;
	}
	step->piped = true;
	channel_t *channel = &step->driver->pipes->channels[step->channel];
	ssize_t count = splice_bytes(step->from->fd, channel->in, step->most < PIPE_SIZE ? step->most : PIPE_SIZE);
	if (count < 0 && errno == EINVAL)
		return SPLICE_CANNOT;
	if (count < 0 && errno == EAGAIN)
		return empty(step);
	if (count < 0)
		return failed(step, SPLICE_FROM_FAILED, errno);
	if (count == 0)
		return SPLICE_END;
	step->bulk = count >= SMALL;
	channel->held += count;
	step->taken += count;
	step->most -= count;
	return 0;
}

/* Why nothing goes: splice says the same of a source without bytes and of a destination without room. 0: it was news. */
static int32_t find_obstacle(step_t *step)
{
	struct pollfd ends[2] = {
		{ .fd = step->from->fd, .events = POLLIN },
		{ .fd = step->to->fd, .events = POLLOUT },
	};
	int count;
	do {
		count = poll(ends, 2, 0);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return failed(step, SPLICE_TO_FAILED, errno);
	/* poll itself asked the destination to tell when it has room, should it have none. */
	if (ends[0].revents == 0)
		return empty(step);
	return ends[1].revents == 0 ? full(step) : 0;
}

/* Much, and one of the two is a pipe: nothing is ever held in between. */
static int32_t go_straight(step_t *step)
{
	guard(step);
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		ssize_t count = splice_bytes(step->from->fd, step->to->fd, step->most < STEP ? step->most : STEP);
		if (count == 0)
			return SPLICE_END;
		if (count > 0) {
			step->bulk = count >= SMALL;
			step->taken += count;
			step->sent += count;
			step->most -= count;
			return 0;
		}
		if (errno == EINVAL)
			return SPLICE_CANNOT;
		if (errno != EAGAIN)
			/* Out of a pipe nothing fails, and into one only what nobody reads. */
			return failed(step, step->from->flags & F_PIPE || errno == EPIPE ? SPLICE_TO_FAILED : SPLICE_FROM_FAILED,
				      errno);
		int32_t outcome = find_obstacle(step);
		if (outcome != 0)
			return outcome;
	}
	return SPLICE_MORE;
}

/* A little: received into our memory and sent from there. */
static int32_t pass_on(step_t *step)
{
	uint8_t *memory = step->driver->slab;
	int32_t size = step->driver->header[H_MAX_RECV] < SMALL ? step->driver->header[H_MAX_RECV] : SMALL;
	if (size > step->most)
		size = (int32_t)step->most;
	ssize_t count = slot_receive(step->from, memory, size);
	if (count < 0)
		return errno == EAGAIN ? empty(step) : failed(step, SPLICE_FROM_FAILED, errno);
	if (count == 0)
		return SPLICE_END;
	bool drained = count < size && !(step->from->flags & F_SHORT_MEANS_NOTHING);
	step->taken += count;
	step->most -= count;
	step->bulk = count == size;
	ssize_t sent = slot_send(step->to, memory, count);
	if (sent < 0 && errno != EAGAIN) {
		step->left_to = count;
		return failed(step, SPLICE_TO_FAILED, errno);
	}
	if (sent > 0)
		step->sent += sent;
	if (drained)
		step->from->flags &= ~F_READABLE;
	if (sent < count) {
		step->left_from = sent > 0 ? sent : 0;
		step->left_to = count;
		return full(step);
	}
	return drained ? SPLICE_EMPTY : 0;
}

static int32_t run(step_t *step)
{
	for (;;) {
		int32_t outcome = 0;
		if (step->channel >= 0 && step->driver->pipes->channels[step->channel].held > 0)
			outcome = empty_channel(step);
		if (outcome != 0)
			return outcome;
		if (step->most <= 0 || step->taken >= STEP)
			return SPLICE_MORE;
		if (step->bulk && (step->from->flags | step->to->flags) & F_PIPE)
			outcome = go_straight(step);
		else if (step->bulk)
			outcome = fill_channel(step);
		else
			outcome = pass_on(step);
		if (outcome != 0)
			return outcome;
	}
}

/* splice(from, to, channel, most, bulk): the outcome; counts, and the channel if it holds bytes, are in the header */
static napi_value splice_slots(napi_env env, napi_callback_info info)
{
	size_t count = 5;
	napi_value values[5], result;
	int32_t bulk = 0, outcome;
	step_t step = { .channel = -1 };
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	napi_get_instance_data(env, (void **)&step.driver);
	driver_t *driver = step.driver;
	/* Closed meanwhile: what the channel holds still goes. */
	step.from = slot_argument(driver, env, values[0]);
	step.to = slot_argument(driver, env, values[1]);
	napi_get_value_int32(env, values[2], &step.channel);
	napi_get_value_int64(env, values[3], &step.most);
	napi_get_value_int32(env, values[4], &bulk);
	step.bulk = bulk != 0;
	if (step.to == NULL)
		outcome = failed(&step, SPLICE_TO_FAILED, EBADF);
	else if (step.from == NULL && step.most > 0)
		outcome = failed(&step, SPLICE_FROM_FAILED, EBADF);
	else
		outcome = run(&step);
	if (step.guarded)
		unblock_sigpipe(&step.mask, step.error == EPIPE);
	int32_t held = step.channel < 0 ? 0 : driver->pipes->channels[step.channel].held;
	if (step.channel >= 0 && held == 0) {
		channel_give(driver->pipes, step.channel);
		step.channel = -1;
	}
	int32_t *header = driver->header;
	header[H_SPLICE_TAKEN] = step.taken;
	header[H_SPLICE_SENT] = step.sent;
	header[H_SPLICE_CHANNEL] = step.channel;
	header[H_SPLICE_PIPED] = step.piped;
	header[H_SPLICE_HELD] = held;
	header[H_SPLICE_BULK] = step.bulk;
	header[H_SPLICE_ERROR] = step.error;
	header[H_SPLICE_LEFT_FROM] = step.left_from;
	header[H_SPLICE_LEFT_TO] = step.left_to;
	napi_create_int32(env, outcome, &result);
	return result;
}

/* endSplice(channel): what it holds is lost */
static napi_value end_splice(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value value;
	int32_t channel = -1;
	driver_t *driver = NULL;
	napi_get_cb_info(env, info, &count, &value, NULL, NULL);
	napi_get_instance_data(env, (void **)&driver);
	napi_get_value_int32(env, value, &channel);
	if (channel >= 0 && driver->pipes != NULL && channel < driver->pipes->count && driver->pipes->channels[channel].in >= 0)
		channel_give(driver->pipes, channel);
	return NULL;
}

/* trimPipes(): closes those that nobody uses */
static napi_value trim_pipes(napi_env env, napi_callback_info info)
{
	(void)info;
	driver_t *driver = NULL;
	napi_get_instance_data(env, (void **)&driver);
	struct pipes *pipes = driver->pipes;
	while (pipes != NULL && pipes->idle >= 0) {
		int32_t index = pipes->idle;
		pipes->idle = pipes->channels[index].next;
		pipes->idlers--;
		channel_close(pipes, index);
	}
	return NULL;
}

const napi_property_descriptor splice_functions[] = {
	FUNCTION("splice", splice_slots),
	FUNCTION("endSplice", end_splice),
	FUNCTION("trimPipes", trim_pipes),
};
const size_t splice_function_count = sizeof splice_functions / sizeof *splice_functions;
