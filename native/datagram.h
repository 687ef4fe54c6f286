/* What the parts of the datagram sockets share: datagram.c, datagram-address.c and datagram-options.c. */
#ifndef GOPARK_DATAGRAM_H
#define GOPARK_DATAGRAM_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "arguments.h"

enum { PATH_SIZE = 108 };

/* An address as JavaScript sees it. The numbers are in the byte order of the machine. */
typedef struct {
	int32_t family; /* 4, 6, 1: a path, 0: none */
	int32_t port;   /* of a path: its length */
	union {
		uint32_t words[5]; /* of IPv6: four, and the scope */
		char path[PATH_SIZE];
	};
} address_t;

typedef struct {
	int32_t offset;
	int32_t length;
	int32_t segment; /* 0: one datagram, above: several of so many bytes each, -1: one that was cut */
	address_t address;
} datagram_t;
_Static_assert(sizeof(datagram_t) == 32 * sizeof(int32_t), "an entry is 32 words");

/* Room for the size of the datagrams that the kernel has put together. */
typedef union {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr aligned;
} control_t;

struct datagrams {
	napi_ref buffers[4];
	datagram_t *in, *out;
	uint8_t *in_data, *out_data;
	int32_t capacity;   /* entries of a block */
	int32_t place_size; /* bytes of the inbound block for each entry */
	int32_t places;     /* of how many entries a datagram has the places at present */
	struct mmsghdr *messages;
	struct iovec *vectors;
	struct sockaddr_storage *names;
	control_t *controls;
};

/* The slot is NULL, too, before there are blocks. */
static inline driver_t *datagram_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, slot_t **slot)
{
	driver_t *driver = arguments(env, info, count, values, slot);
	if (slot != NULL && driver != NULL && driver->datagrams == NULL)
		*slot = NULL;
	return driver;
}

/* datagram-address.c */
void address_from(address_t *address, const struct sockaddr_storage *storage, socklen_t length);
socklen_t address_to(const address_t *address, int family, struct sockaddr_storage *storage);
bool same_address(const address_t *a, const address_t *b);

/* datagram-options.c */
napi_value set_datagram_option(napi_env env, napi_callback_info info);
napi_value set_membership(napi_env env, napi_callback_info info);
napi_value datagram_address(napi_env env, napi_callback_info info);

#endif
