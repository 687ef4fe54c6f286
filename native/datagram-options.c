/*
 * Options, groups and addresses of datagram sockets.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "datagram.h"

/* In the order of DATAGRAM_OPTIONS in src/poll/drivers/epoll/datagrams.ts. */
enum { READ_BUFFER, WRITE_BUFFER, BROADCAST, HOPS, MULTICAST_HOPS, MULTICAST_LOOP, MULTICAST_INTERFACE };

static int set_both(slot_t *slot, int ipv4_option, int ipv6_option, int value)
{
	/* Of a dual-stack socket either may be the one that counts. */
	if (slot->domain == AF_INET6 && setsockopt(slot->fd, IPPROTO_IPV6, ipv6_option, &value, sizeof value) < 0)
		return -1;
	return setsockopt(slot->fd, IPPROTO_IP, ipv4_option, &value, sizeof value);
}

static int set_option(slot_t *slot, int option, int value)
{
	switch (option) {
	case READ_BUFFER:
		return setsockopt(slot->fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof value);
	case WRITE_BUFFER:
		return setsockopt(slot->fd, SOL_SOCKET, SO_SNDBUF, &value, sizeof value);
	case BROADCAST:
		return setsockopt(slot->fd, SOL_SOCKET, SO_BROADCAST, &value, sizeof value);
	case HOPS:
		return set_both(slot, IP_TTL, IPV6_UNICAST_HOPS, value);
	case MULTICAST_HOPS:
		return set_both(slot, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value);
	case MULTICAST_LOOP:
		return set_both(slot, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, value);
	case MULTICAST_INTERFACE: {
		struct ip_mreqn request = { .imr_ifindex = value };
		if (slot->domain == AF_INET6 &&
		    setsockopt(slot->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &value, sizeof value) < 0)
			return -1;
		return setsockopt(slot->fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
	}
	}
	errno = EINVAL;
	return -1;
}

/* setDatagramOption(slot, option, value) */
napi_value set_datagram_option(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	slot_t *slot;
	arguments(env, info, 3, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	return number(env, set_option(slot, int_argument(env, values[1]), int_argument(env, values[2])) < 0 ? -errno : 0);
}

/* setMembership(slot, join, interface): the group and the source are in the first two outbound entries */
napi_value set_membership(napi_env env, napi_callback_info info)
{
	napi_value values[3];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 3, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	const address_t *group = &driver->datagrams->out[0].address, *source = &driver->datagrams->out[1].address;
	bool join = int_argument(env, values[1]) != 0;
	/* Of a dual-stack socket, too, each family has its own call. */
	int family = group->family == 4 ? AF_INET : AF_INET6;
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	struct group_source_req both = { .gsr_interface = int_argument(env, values[2]) };
	struct group_req request = { .gr_interface = both.gsr_interface };
	if (group->family == 6 && slot->domain == AF_INET)
		return number(env, -EAFNOSUPPORT);
	if (address_to(group, family, &request.gr_group) == 0)
		return number(env, -EINVAL);
	int result;
	if (source->family == 0) {
		int option = join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
		result = setsockopt(slot->fd, level, option, &request, sizeof request);
	} else {
		int option = join ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
		both.gsr_group = request.gr_group;
		if (address_to(source, family, &both.gsr_source) == 0)
			return number(env, -EINVAL);
		result = setsockopt(slot->fd, level, option, &both, sizeof both);
	}
	return number(env, result < 0 ? -errno : 0);
}

/* datagramAddress(slot, remote): puts the address of one end into the first outbound entry */
napi_value datagram_address(napi_env env, napi_callback_info info)
{
	napi_value values[2];
	slot_t *slot;
	driver_t *driver = datagram_arguments(env, info, 2, values, &slot);
	if (slot == NULL)
		return number(env, -EBADF);
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	int result = (int_argument(env, values[1]) ? getpeername : getsockname)(slot->fd, (struct sockaddr *)&address, &length);
	if (result < 0)
		return number(env, -errno);
	address_from(&driver->datagrams->out[0].address, &address, length);
	return number(env, 0);
}

