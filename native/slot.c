/*
 * Slots: whose a descriptor is, from when it is opened or accepted until it is closed or goes to another thread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gopark.h"

/* Flags that say in which list a slot stands; they outlive its owner. */
enum { LIST_FLAGS = F_DIRTY | F_RETRYING | F_NEWCOMER };
/* An accepted connection: nobody has looked whether its first bytes are there, and mostly they are. */
enum { F_NEW = F_WRITABLE | F_READABLE | F_NEWCOMER };

/* No set knows it yet; one that has been closed may still stand in the list. */
void list_newcomer(driver_t *driver, slot_t *slot)
{
	slot->set = -1;
	if (!(slot->flags & F_NEWCOMER))
		driver->newcomers[driver->newcomer_count++] = index_of(driver, slot);
	slot->flags |= F_NEWCOMER;
	driver->unwelcomed = true;
}

/* Takes ownership of the descriptor, unless it is a pipe: on failure it is closed. */
int32_t slot_open(driver_t *driver, int fd, int32_t flags)
{
	int32_t index = driver->free_slot;
	if (index >= 0) {
		driver->free_slot = driver->slots[index].want;
	} else if (driver->slots_used < driver->header[H_SLOTS]) {
		index = driver->slots_used++;
		driver->slots[index].generation = 1;
	} else {
		if (!(flags & F_PIPE))
			close(fd);
		return -EMFILE;
	}
	slot_t *slot = &driver->slots[index];
	slot->flags = (slot->flags & LIST_FLAGS) | (flags & ~F_NEWCOMER);
	slot->fd = fd;
	slot->want = 0;
	slot->out_head = slot->out_tail = -1;
	slot->out_length = 0;
	slot->peer_family = 0;
	if (driver->ringed && flags & (F_WRITABLE | F_CONNECTING) && !(flags & (F_PACKETS | F_PIPE | F_DATAGRAM))) {
		slot->flags = (slot->flags & ~F_READABLE) | F_RING;
		slot->set = 0;
		return index;
	}
	if (flags & F_NEWCOMER) {
		list_newcomer(driver, slot);
		return index;
	}
	int32_t error = slot_watch(driver, slot, 0);
	if (error < 0) {
		slot_close(driver, slot);
		return error;
	}
	return index;
}

/* Its events come from this set from now on; the first ones tell what is so already. */
int32_t slot_watch(driver_t *driver, slot_t *slot, int32_t set)
{
	struct epoll_event event = {
		/* Once and for all, edge-triggered: no further epoll_ctl in the life of the descriptor. */
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)(uint32_t)slot->generation << 32 | (uint32_t)index_of(driver, slot),
	};
	if (epoll_ctl(driver->sets[set].epoll, EPOLL_CTL_ADD, slot->fd, &event) < 0)
		return -errno;
	slot->set = set;
	return 0;
}

void slot_unwatch(driver_t *driver, slot_t *slot)
{
	if (slot->set >= 0)
		epoll_ctl(driver->sets[slot->set].epoll, EPOLL_CTL_DEL, slot->fd, NULL);
	slot->set = -1;
}

/* The thread's duplicate keeps the connection open: it must neither send on nor report events. */
static void end_sending(driver_t *driver, slot_t *slot)
{
	struct linger linger = { 0 };
	socklen_t size = sizeof linger;
	slot_unwatch(driver, slot);
	getsockopt(slot->fd, SOL_SOCKET, SO_LINGER, &linger, &size);
	/* With linger 0 the peer is to see a reset and no end: it does when the thread closes the duplicate. */
	if (!linger.l_onoff || linger.l_linger > 0)
		shutdown(slot->fd, SHUT_WR);
}

/* The slot waits for its next owner. */
static void forget(driver_t *driver, slot_t *slot)
{
	slot->fd = -1;
	slot->flags &= LIST_FLAGS;
	slot->out_head = -1;
	slot->out_length = 0;
	slot->generation = slot->generation == INT32_MAX ? 1 : slot->generation + 1;
	slot->want = driver->free_slot;
	driver->free_slot = index_of(driver, slot);
}

void slot_close(driver_t *driver, slot_t *slot)
{
	if (slot->fd < 0)
		return;
	if (slot->flags & F_SENDING)
		end_sending(driver, slot);
	if (slot->flags & (F_SHARED | F_PIPE))
		slot_unwatch(driver, slot);
	if (!(slot->flags & F_PIPE))
		close(slot->fd); /* takes it out of the epoll set, too, where nobody else shares the description */
	forget(driver, slot);
}

/* The descriptor is somebody else's from now on. */
int slot_leave(driver_t *driver, slot_t *slot)
{
	int fd = slot->fd;
	slot_unwatch(driver, slot);
	forget(driver, slot);
	return fd;
}

static void remember_peer(slot_t *slot, const struct sockaddr_storage *address)
{
	slot->peer_family = address->ss_family;
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		slot->peer_port = ntohs(in->sin_port);
		slot->peer_scope = 0;
		memcpy(slot->peer_address, &in->sin_addr, sizeof in->sin_addr);
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		slot->peer_port = ntohs(in6->sin6_port);
		slot->peer_scope = in6->sin6_scope_id;
		memcpy(slot->peer_address, &in6->sin6_addr, sizeof in6->sin6_addr);
	}
}

/* Asked where there is presumably none: a look costs a fifth of an accept that finds nothing. */
bool more_to_accept(const slot_t *listener)
{
	struct pollfd look = { .fd = listener->fd, .events = POLLIN };
	struct timespec at_once = { 0 };
	return syscall(SYS_ppoll, &look, 1, &at_once, NULL, 0) != 0;
}

int32_t accept_slot(driver_t *driver, slot_t *listener)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd;
	do {
		length = sizeof address;
		fd = accept4(listener->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		/* Who gave up before we came is not an error of the listener's. */
	} while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0) {
		if (errno == EAGAIN)
			listener->flags &= ~F_READABLE;
		return -errno;
	}
	int32_t index = slot_open(driver, fd, F_NEW | (listener->flags & F_PACKETS));
	if (index >= 0)
		remember_peer(&driver->slots[index], &address);
	return index;
}
