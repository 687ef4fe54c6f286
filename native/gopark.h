/* State of one environment (the main thread or a worker), and what the C files call of each other. */
#ifndef GOPARK_H
#define GOPARK_H

#define NAPI_VERSION 8
#include <errno.h>
#include <node_api.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layout.h"
#include "uv-subset.h"

/* A batch has at most so many events: few at first, more where that many take no time (poller.c). */
enum { EVENT_BATCH = 512, FIRST_BATCH = 16, MOST_SETS = 64 };

/* One epoll instance with a place in libuv's loop: its slots have a bounded batch of their own. */
typedef struct {
	struct driver *driver;
	int epoll;
	uv_poll_t *poll;
} poller_set_t;

typedef struct driver {
	napi_env env;
	napi_async_cleanup_hook_handle cleanup;
	napi_async_context async_context;
	napi_ref on_batch, shared_buffer, slab_buffer;
	uv_prepare_t *prepare;
	uv_idle_t *idle;
	uv_timer_t *knock; /* runs while newcomers wait for room in the set */
	int open_handles; /* and files that threads are sending */
	bool idling, closing;
	bool ran; /* JavaScript, since the loop was last about to sleep */
	bool ringed; /* connections are an io_uring's */

	poller_set_t sets[MOST_SETS]; /* the first one is everybody's who was not assigned to another */
	int32_t set_count;
	int32_t *header;
	completion_t *completions;
	segment_t *segments;
	int32_t *dirty;
	slot_t *slots;
	uint8_t *slab;

	int32_t batch;       /* number of the present batch */
	int32_t batch_limit; /* how many events the next one may have */
	int32_t free_slot;  /* head of the list of free slots, -1: none */
	int32_t slots_used; /* slots ever handed out: the rest of the table was never touched */
	int32_t *retry;     /* a ring of slots whose bytes no event will tell of: no room in the slab, or more left */
	int32_t retries, first_retry;
	int32_t *newcomers; /* slots of accepted connections that no set knows yet */
	int32_t newcomer_count;
	bool knocking;   /* that one runs */
	bool unwelcomed; /* some of these have come since the list was last looked at */
	struct uring *ring; /* by which chains are sent, or NULL */
	struct datagrams *datagrams; /* once there is a datagram socket */
	struct pipes *pipes;         /* once something was spliced */
	struct lease *leases; /* what this thread gave away, once it did */
	int32_t lease_rows, lease_next;
	struct epoll_event events[EVENT_BATCH];
} driver_t;

/* module.c: one thing less that needs the driver; the last one frees it. */
void driver_release(driver_t *driver);

/* slot.c: descriptors in, slots out. */
int32_t slot_open(driver_t *driver, int fd, int32_t flags);
int32_t slot_watch(driver_t *driver, slot_t *slot, int32_t set);
void slot_unwatch(driver_t *driver, slot_t *slot);
void list_newcomer(driver_t *driver, slot_t *slot);
void slot_close(driver_t *driver, slot_t *slot);
int slot_leave(driver_t *driver, slot_t *slot);
int32_t accept_slot(driver_t *driver, slot_t *listener);
bool more_to_accept(const slot_t *listener);

/* address.c: IP addresses between text and the kernel's form. */
bool parse_address(napi_env env, napi_value host, napi_value port, struct sockaddr_storage *address, socklen_t *length);
napi_value address_text(napi_env env, const struct sockaddr_storage *address, socklen_t length);

/* descriptor.c: sockets opened, read, written and closed. */
extern const napi_property_descriptor descriptor_functions[];
extern const size_t descriptor_function_count;

/* file.c: files, by Node's descriptors. */
bool block_sigpipe(sigset_t *before);
void unblock_sigpipe(const sigset_t *before, bool raised);
extern const napi_property_descriptor file_functions[];
extern const size_t file_function_count;

/* batch.c: what a journal writes at a time. */
extern const napi_property_descriptor batch_functions[];
extern const size_t batch_function_count;

/* splice.c: from one descriptor to another inside the kernel. */
void pipes_free(struct pipes *pipes);
extern const napi_property_descriptor splice_functions[];
extern const size_t splice_function_count;

/* vector.c: many buffers at once. The kernel takes VECTORS_MOST in a call, on every Linux. */
#define VECTORS_MOST 1024
int gather(napi_env env, napi_value buffers, uint32_t first, uint32_t from, struct iovec *vectors, size_t *total);
extern const napi_property_descriptor vector_functions[];
extern const size_t vector_function_count;

/* datagram.c: sockets whose messages have bounds. */
void datagrams_free(struct datagrams *datagrams);
extern const napi_property_descriptor datagram_functions[];
extern const size_t datagram_function_count;

/* unix.c: Unix sockets that carry connections, and sockets that were handed to us. */
extern const napi_property_descriptor unix_functions[];
extern const size_t unix_function_count;

/* pipe.c: pipes and FIFOs, which are no sockets. */
ssize_t pipe_read(int fd, void *memory, size_t size);
ssize_t pipe_write(int fd, const void *memory, size_t size);
int32_t pipe_peek(int fd);
extern const napi_property_descriptor pipe_functions[];
extern const size_t pipe_function_count;

/* tcp.c: what TCP has beside bytes. */
int open_tcp(int family, bool multipath);
extern const napi_property_descriptor tcp_functions[];
extern const size_t tcp_function_count;

/* lease.c: from one thread to another. */
void leases_end(driver_t *driver);
extern const napi_property_descriptor lease_functions[];
extern const size_t lease_function_count;

/* alarm.c: exact instants. */
extern const napi_property_descriptor alarm_functions[];
extern const size_t alarm_function_count;

/* uring.c: the kernel's completion rings. */
extern const napi_property_descriptor uring_functions[];
extern const size_t uring_function_count;

/* uring-send.c: the sends of a batch as submissions. */
int32_t ring_flush(driver_t *driver, int32_t to);
void ring_detach(driver_t *driver);
extern const napi_property_descriptor uring_send_functions[];
extern const size_t uring_send_function_count;

/* poller.c: the tight loops. */
void complete(driver_t *driver, int32_t kind, slot_t *slot, int32_t result, int32_t offset);
bool flush_chains(napi_env env);
bool call_javascript(napi_env env, napi_async_context context, napi_ref function);
void collect(driver_t *driver, poller_set_t *set);
void flush(driver_t *driver);
int32_t flush_slot(driver_t *driver, slot_t *slot, int32_t *unsent);
void retry_later(driver_t *driver, slot_t *slot);
void on_readable(uv_poll_t *handle, int status, int events);
void on_prepare(uv_prepare_t *handle);
int32_t monotonic_us(void);
void on_idle(uv_idle_t *handle);

/*
 * The system calls themselves. In a process with threads, libc's recv and send are cancellation points and pay two
 * atomic operations for a pthread_cancel that Node never does: one per cent of a small message.
 */
static inline ssize_t receive_bytes(int fd, void *memory, size_t size, int flags)
{
	ssize_t count;
	do {
		count = syscall(SYS_recvfrom, fd, memory, size, flags, NULL, NULL);
	} while (count < 0 && errno == EINTR);
	return count;
}

static inline ssize_t send_bytes(int fd, const void *memory, size_t size)
{
	ssize_t count;
	do {
		count = syscall(SYS_sendto, fd, memory, size, MSG_NOSIGNAL, NULL, 0);
	} while (count < 0 && errno == EINTR);
	return count;
}

static inline ssize_t slot_receive(const slot_t *slot, void *memory, size_t size)
{
	return slot->flags & F_PIPE ? pipe_read(slot->fd, memory, size) : receive_bytes(slot->fd, memory, size, 0);
}

static inline ssize_t slot_send(const slot_t *slot, const void *memory, size_t size)
{
	return slot->flags & F_PIPE ? pipe_write(slot->fd, memory, size) : send_bytes(slot->fd, memory, size);
}

static inline int32_t index_of(driver_t *driver, const slot_t *slot)
{
	return (int32_t)(slot - driver->slots);
}

#endif
