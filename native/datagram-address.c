/*
 * Addresses of datagrams, between the entries that JavaScript shares and the kernel's form.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "datagram.h"

void address_from(address_t *address, const struct sockaddr_storage *storage, socklen_t length)
{
	if (storage->ss_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const void *)storage;
		address->family = 4;
		address->port = ntohs(in->sin_port);
		address->words[0] = ntohl(in->sin_addr.s_addr);
	} else if (storage->ss_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in6 = (const void *)storage;
		uint32_t words[4];
		memcpy(words, &in6->sin6_addr, sizeof words);
		address->port = ntohs(in6->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			address->family = 4;
			address->words[0] = ntohl(words[3]);
			return;
		}
		address->family = 6;
		for (int i = 0; i < 4; i++)
			address->words[i] = ntohl(words[i]);
		address->words[4] = in6->sin6_scope_id;
	} else if (storage->ss_family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path)) {
		const struct sockaddr_un *un = (const void *)storage;
		size_t size = length - offsetof(struct sockaddr_un, sun_path);
		/* A path may come with the zero behind it; an abstract name begins with one, and none ends it. */
		if (un->sun_path[0] != 0)
			size = strnlen(un->sun_path, size);
		if (size > PATH_SIZE)
			size = PATH_SIZE;
		address->family = 1;
		address->port = (int32_t)size;
		memcpy(address->path, un->sun_path, size);
	} else {
		address->family = 0;
	}
}

/* What a socket of the family takes for an address; 0: it takes none such. */
socklen_t address_to(const address_t *address, int family, struct sockaddr_storage *storage)
{
	if (address->family == 4 && family == AF_INET) {
		struct sockaddr_in *in = (void *)storage;
		*in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(address->port) };
		in->sin_addr.s_addr = htonl(address->words[0]);
		return sizeof *in;
	}
	if (family == AF_INET6 && (address->family == 6 || address->family == 4)) {
		struct sockaddr_in6 *in6 = (void *)storage;
		uint32_t words[4] = { 0, 0, htonl(0xffff), htonl(address->words[0]) };
		*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(address->port) };
		if (address->family == 6) {
			for (int i = 0; i < 4; i++)
				words[i] = htonl(address->words[i]);
			in6->sin6_scope_id = address->words[4];
		}
		memcpy(&in6->sin6_addr, words, sizeof words);
		return sizeof *in6;
	}
	if (address->family == 1 && family == AF_UNIX && address->port >= 0 && address->port <= PATH_SIZE) {
		struct sockaddr_un *un = (void *)storage;
		memset(un, 0, sizeof *un);
		un->sun_family = AF_UNIX;
		memcpy(un->sun_path, address->path, address->port);
		/* The length of an abstract name is exact. */
		int zero = address->port > 0 && address->path[0] != 0 && address->port < PATH_SIZE ? 1 : 0;
		return offsetof(struct sockaddr_un, sun_path) + address->port + zero;
	}
	return 0;
}

bool same_address(const address_t *a, const address_t *b)
{
	if (a->family != b->family)
		return false;
	if (a->family == 0)
		return true;
	return a->port == b->port && memcmp(a->words, b->words, a->family == 4 ? sizeof a->words[0] : sizeof a->words) == 0;
}
