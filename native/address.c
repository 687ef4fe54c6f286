/*
 * IP addresses between text and the kernel's form.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "arguments.h"

/* The interface that a zone names, by its name or its number; 0: there is none. */
static uint32_t scope_of(const char *zone)
{
	char *end;
	uint32_t index = if_nametoindex(zone);
	if (index != 0)
		return index;
	unsigned long number = strtoul(zone, &end, 10);
	return *zone != 0 && *end == 0 && number <= UINT32_MAX ? (uint32_t)number : 0;
}

/* A numeric address; the resolver has run long before. False: not one. An address of any kind may have a zone. */
bool parse_address(napi_env env, napi_value host, napi_value port, struct sockaddr_storage *address, socklen_t *length)
{
	char text[128];
	size_t written;
	struct sockaddr_in *in = (void *)address;
	struct sockaddr_in6 *in6 = (void *)address;
	if (napi_get_value_string_utf8(env, host, text, sizeof text, &written) != napi_ok)
		return false;
	uint16_t number = htons((uint16_t)int_argument(env, port));
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = number;
		*length = sizeof *in;
		return true;
	}
	char *zone = strchr(text, '%');
	if (zone != NULL)
		*zone++ = 0;
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return false;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = number;
	/* Of an unknown one the kernel makes an error where it needs one: for link-local addresses. */
	if (zone != NULL)
		in6->sin6_scope_id = scope_of(zone);
	*length = sizeof *in6;
	return true;
}

napi_value address_text(napi_env env, const struct sockaddr_storage *address, socklen_t length)
{
	char host[128], port[16], text[160];
	napi_value value;
	if (getnameinfo((const void *)address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		napi_get_null(env, &value);
		return value;
	}
	int written = snprintf(text, sizeof text, "%s %s", host, port);
	napi_create_string_utf8(env, text, written, &value);
	return value;
}
