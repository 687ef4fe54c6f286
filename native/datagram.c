/*
 * Datagram sockets: many datagrams in one system call, from and into two blocks of entries that JavaScript shares
 * (src/poll/datagram-block.ts). Slots, events and closing are those of all descriptors.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <linux/errqueue.h>

#include "datagram.h"

/* Unix sockets take longer datagrams than UDP can carry: those have the places of so many entries. */
enum { LONG_PLACES = 8 };

/* A block has no more entries. One message of the kernel's takes so many datagrams of one size, and so many bytes. */
enum { MOST_ENTRIES = 64, MOST_TOGETHER = 64, MOST_BYTES_TOGETHER = 65000 };

void datagrams_free(struct datagrams *datagrams)
{
	if (datagrams == NULL)
		return;
	free(datagrams->messages);
	free(datagrams->vectors);
	free(datagrams->names);
	free(datagrams->controls);
	free(datagrams);
}

/* startDatagrams(inWords, inData, outWords, outData, capacity, placeSize): the two blocks. Called once. */
static napi_value start_datagrams(napi_env env, napi_callback_info info)
{
	napi_value values[6];
	driver_t *driver = datagram_arguments(env, info, 6, values, NULL);
	void *memory[4];
	size_t length;
	for (int i = 0; i < 4; i++)
		if (napi_get_arraybuffer_info(env, values[i], &memory[i], &length) != napi_ok)
			return number(env, -EINVAL);
	struct datagrams *datagrams = calloc(1, sizeof *datagrams);
	if (datagrams == NULL)
		return number(env, -ENOMEM);
	int32_t capacity = datagrams->capacity = int_argument(env, values[4]);
	if (capacity > MOST_ENTRIES) {
		free(datagrams);
		return number(env, -EINVAL);
	}
	datagrams->place_size = int_argument(env, values[5]);
	datagrams->in = memory[0];
	datagrams->in_data = memory[1];
	datagrams->out = memory[2];
	datagrams->out_data = memory[3];
	datagrams->messages = calloc(capacity, sizeof *datagrams->messages);
	datagrams->vectors = calloc(capacity, sizeof *datagrams->vectors);
	datagrams->names = calloc(capacity, sizeof *datagrams->names);
	datagrams->controls = calloc(capacity, sizeof *datagrams->controls);
	if (datagrams->messages == NULL || datagrams->vectors == NULL || datagrams->names == NULL ||
	    datagrams->controls == NULL) {
		datagrams_free(datagrams);
		return number(env, -ENOMEM);
	}
	for (int i = 0; i < 4; i++)
		napi_create_reference(env, values[i], 1, &datagrams->buffers[i]);
	for (int32_t i = 0; i < capacity; i++) {
		datagrams->messages[i].msg_hdr.msg_iov = &datagrams->vectors[i];
		datagrams->messages[i].msg_hdr.msg_iovlen = 1;
		datagrams->messages[i].msg_hdr.msg_name = &datagrams->names[i];
	}
	driver->datagrams = datagrams;
	return number(env, 0);
}

/* Opening */

enum { OPEN_IPV6_ONLY = 1, OPEN_REUSE_ADDRESS = 2, OPEN_REUSE_PORT = 4, OPEN_PEER_ERRORS = 8 };

static int configure(int fd, int family, int flags, int mode)
{
	int on = 1, only = flags & OPEN_IPV6_ONLY ? 1 : 0;
	if (family == AF_UNIX)
		return mode < 0 ? 0 : fchmod(fd, mode);
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0)
		return -1;
	if (flags & OPEN_REUSE_ADDRESS && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
		return -1;
	if (flags & OPEN_REUSE_PORT && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		return -1;
	/* A burst of one sender comes as one piece where its path allows it; kernels before 5.0 do not know of that. */
	setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
	if (!(flags & OPEN_PEER_ERRORS))
		return 0;
	/* A dual-stack socket has both kinds of peers. */
	if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on) < 0)
		return -1;
	return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

/* A path that was made for nothing. An abstract name goes with its socket. */
static void remove_path(const address_t *address)
{
	char path[PATH_SIZE + 1] = { 0 };
	if (address->family != 1 || address->port <= 0 || address->port > PATH_SIZE || address->path[0] == 0)
		return;
	memcpy(path, address->path, address->port);
	unlink(path);
}

/* openDatagram(family, flags, mode): slot. Local and remote address are in the first two outbound entries. */
static napi_value open_datagram(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	driver_t *driver = datagram_arguments(env, info, 3, values, NULL);
	int32_t asked = int_argument(env, values[0]);
	int family = asked == 4 ? AF_INET : asked == 6 ? AF_INET6 : AF_UNIX;
	const address_t *ends[2] = { &driver->datagrams->out[0].address, &driver->datagrams->out[1].address };
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return number(env, -errno);
	int error = configure(fd, family, int_argument(env, values[1]), int_argument(env, values[2])) < 0 ? errno : 0;
	bool bound = false;
	for (int end = 0; end < 2 && error == 0; end++) {
		if (ends[end]->family == 0)
			continue;
		struct sockaddr_storage address;
		socklen_t length = address_to(ends[end], family, &address);
		if (length == 0)
			error = EAFNOSUPPORT;
		else if ((end == 0 ? bind : connect)(fd, (struct sockaddr *)&address, length) < 0)
			error = errno;
		else if (end == 0)
			bound = true;
	}
	if (error != 0)
		close(fd);
	int32_t index = error != 0 ? -error : slot_open(driver, fd, F_WRITABLE | F_DATAGRAM);
	if (index >= 0)
		driver->slots[index].domain = family;
	else if (bound)
		remove_path(ends[0]);
	return number(env, index);
}

/* Receiving */

/* Gives each datagram to come its place in the inbound block. */
static void set_places(struct datagrams *datagrams, int32_t places)
{
	if (datagrams->places == places)
		return;
	datagrams->places = places;
	int32_t size = datagrams->place_size * places;
	for (int32_t i = 0; i < datagrams->capacity / places; i++) {
		datagrams->vectors[i].iov_base = datagrams->in_data + (size_t)i * size;
		datagrams->vectors[i].iov_len = size;
	}
}

/* Of several datagrams in one: the size of each. */
static int32_t segment_of(struct msghdr *header)
{
	struct cmsghdr *part = header->msg_controllen == 0 ? NULL : CMSG_FIRSTHDR(header);
	int size = 0;
	if (part != NULL && part->cmsg_level == IPPROTO_UDP && part->cmsg_type == UDP_GRO)
		memcpy(&size, CMSG_DATA(part), sizeof size);
	return size;
}

/* receiveDatagrams(slot, most): how many are in the inbound block now */
static napi_value receive_datagrams(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 2, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	struct datagrams *datagrams = driver->datagrams;
	int32_t places = slot->domain == AF_UNIX ? LONG_PLACES : 1;
	int32_t most = int_argument(env, values[1]);
	if (most > datagrams->capacity / places)
		most = datagrams->capacity / places;
	set_places(datagrams, places);
	for (int32_t i = 0; i < most; i++) {
		struct msghdr *header = &datagrams->messages[i].msg_hdr;
		header->msg_namelen = sizeof datagrams->names[i];
		header->msg_control = &datagrams->controls[i];
		header->msg_controllen = sizeof datagrams->controls[i];
	}
	int count;
	do {
		count = syscall(SYS_recvmmsg, slot->fd, datagrams->messages, most, MSG_DONTWAIT, NULL);
	} while (count < 0 && errno == EINTR);
	/* Beside an error, few datagrams do not mean that the next call would find nothing. */
	if (count < most && !(slot->flags & F_PEER_CLOSED))
		slot->flags &= ~F_READABLE;
	if (count < 0) {
		if (errno == EAGAIN)
			slot->flags &= ~(F_READABLE | F_PEER_CLOSED);
		return number(env, -errno);
	}
	for (int i = 0; i < count; i++) {
		datagram_t *datagram = &datagrams->in[i];
		struct msghdr *header = &datagrams->messages[i].msg_hdr;
		datagram->length = (int32_t)datagrams->messages[i].msg_len;
		datagram->offset = i * datagrams->place_size * places;
		datagram->segment = header->msg_flags & MSG_TRUNC ? -1 : segment_of(header);
		address_from(&datagram->address, &datagrams->names[i], header->msg_namelen);
	}
	return number(env, count);
}

/* takeDatagramError(slot): the errno of an ICMP message, and whom it is about in the first outbound entry; 0: none */
static napi_value take_error(napi_env env, napi_callback_info info)
{
	napi_value values[1];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 1, values, &slot);
	if (slot == NULL)
		return number(env, 0);
	struct sockaddr_storage name;
	union {
		char bytes[512];
		struct cmsghdr aligned;
	} control;
	char payload[1];
	struct iovec vector = { .iov_base = payload, .iov_len = sizeof payload };
	struct msghdr message = { .msg_name = &name,
				  .msg_namelen = sizeof name,
				  .msg_iov = &vector,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof control.bytes };
	if (recvmsg(slot->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return number(env, 0);
	address_from(&driver->datagrams->out[0].address, &name, message.msg_namelen);
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL; part = CMSG_NXTHDR(&message, part)) {
		if ((part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
		    (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR)) {
			const struct sock_extended_err *error = (const void *)CMSG_DATA(part);
			return number(env, error->ee_errno);
		}
	}
	return number(env, EIO);
}

/* Sending */

/* sendDatagram(slot, p, named): bytes. With `named` to the address in the first outbound entry. */
static napi_value send_datagram(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 3, values, &slot);
	void *memory;
	size_t size;
	if (slot == NULL)
		return number(env, -EBADF);
	if (napi_get_typedarray_info(env, values[1], NULL, &size, &memory, NULL, NULL) != napi_ok)
		return number(env, -EFAULT);
	struct sockaddr_storage address;
	socklen_t length = 0;
	if (int_argument(env, values[2])) {
		length = address_to(&driver->datagrams->out[0].address, slot->domain, &address);
		if (length == 0)
			return number(env, -EAFNOSUPPORT);
	}
	ssize_t count;
	do {
		count = syscall(SYS_sendto, slot->fd, memory, size, MSG_NOSIGNAL | MSG_DONTWAIT,
				length == 0 ? NULL : &address, length);
	} while (count < 0 && errno == EINTR);
	if (count < 0 && errno == EAGAIN)
		slot->flags &= ~F_WRITABLE;
	return number(env, count < 0 ? -errno : count);
}

/* How many of the outbound entries from `first` on can go as one: alike in address and size, the last may be shorter. */
static int32_t run_length(const struct datagrams *datagrams, int32_t first, int32_t count)
{
	const datagram_t *head = &datagrams->out[first];
	int32_t total = head->length, length = 1;
	if (head->length == 0)
		return 1;
	while (first + length < count && length < MOST_TOGETHER) {
		const datagram_t *last = head + length - 1, *next = last + 1;
		total += next->length;
		if (last->length != head->length || next->length == 0 || next->length > head->length ||
		    total > MOST_BYTES_TOGETHER || next->offset != last->offset + last->length ||
		    !same_address(&next->address, &head->address))
			break;
		length++;
	}
	return length;
}

/* Puts the outbound entries into messages; `counts`: how many each is. How many messages, or a negated errno. */
static int32_t fill_messages(struct datagrams *datagrams, slot_t *slot, int32_t count, int32_t *counts)
{
	bool together = slot->domain != AF_UNIX && !(slot->flags & F_APART);
	int32_t used = 0;
	/* The arrays are those of receiving: the places go anew next time. */
	datagrams->places = 0;
	for (int32_t i = 0; i < count; i += counts[used], used++) {
		const datagram_t *datagram = &datagrams->out[i];
		struct msghdr *header = &datagrams->messages[used].msg_hdr;
		counts[used] = together ? run_length(datagrams, i, count) : 1;
		const datagram_t *last = datagram + counts[used] - 1;
		datagrams->vectors[used].iov_base = datagrams->out_data + datagram->offset;
		datagrams->vectors[used].iov_len = last->offset + last->length - datagram->offset;
		header->msg_name = NULL;
		header->msg_namelen = 0;
		header->msg_control = NULL;
		header->msg_controllen = 0;
		if (datagram->address.family != 0) {
			header->msg_name = &datagrams->names[used];
			header->msg_namelen = address_to(&datagram->address, slot->domain, &datagrams->names[used]);
			/* Those before it go, and it is the first of the next call. */
			if (header->msg_namelen == 0)
				return used == 0 ? -EAFNOSUPPORT : used;
		}
		if (counts[used] > 1) {
			uint16_t size = (uint16_t)datagram->length;
			header->msg_control = &datagrams->controls[used];
			header->msg_controllen = CMSG_SPACE(sizeof size);
			struct cmsghdr *part = CMSG_FIRSTHDR(header);
			part->cmsg_level = IPPROTO_UDP;
			part->cmsg_type = UDP_SEGMENT;
			part->cmsg_len = CMSG_LEN(sizeof size);
			memcpy(CMSG_DATA(part), &size, sizeof size);
		}
	}
	return used;
}

/* Not every path takes datagrams together: a kernel before 4.18, a device that cannot, one larger than its packets. */
static bool refuses_together(int error)
{
	return error == EINVAL || error == EIO || error == EMSGSIZE || error == EOPNOTSUPP;
}

/* sendDatagrams(slot, count): how many of the outbound entries went */
static napi_value send_datagrams(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 2, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	struct datagrams *datagrams = driver->datagrams;
	int32_t counts[MOST_ENTRIES], count = int_argument(env, values[1]);
	if (count > datagrams->capacity)
		count = datagrams->capacity;
	int sent, error;
	for (;;) {
		int32_t used = fill_messages(datagrams, slot, count, counts);
		if (used < 0)
			return number(env, used);
		do {
			sent = syscall(SYS_sendmmsg, slot->fd, datagrams->messages, used, MSG_NOSIGNAL | MSG_DONTWAIT);
			error = errno;
		} while (sent < 0 && error == EINTR);
		if (sent >= 0 || counts[0] == 1 || !refuses_together(error))
			break;
		slot->flags |= F_APART;
	}
	for (int32_t i = 0; i < datagrams->capacity; i++)
		datagrams->messages[i].msg_hdr.msg_name = &datagrams->names[i];
	if (sent < 0 && error == EAGAIN)
		slot->flags &= ~F_WRITABLE;
	int32_t total = 0;
	for (int i = 0; i < sent; i++)
		total += counts[i];
	return number(env, sent < 0 ? -error : total);
}

const napi_property_descriptor datagram_functions[] = {
	FUNCTION("startDatagrams", start_datagrams),
	FUNCTION("openDatagram", open_datagram),
	FUNCTION("receiveDatagrams", receive_datagrams),
	FUNCTION("takeDatagramError", take_error),
	FUNCTION("sendDatagram", send_datagram),
	FUNCTION("sendDatagrams", send_datagrams),
	FUNCTION("setDatagramOption", set_datagram_option),
	FUNCTION("setMembership", set_membership),
	FUNCTION("datagramAddress", datagram_address),
};
const size_t datagram_function_count = sizeof datagram_functions / sizeof *datagram_functions;
