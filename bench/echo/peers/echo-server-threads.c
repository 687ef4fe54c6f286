/*
 * A thread per connection, blocking: the model that goroutines imitate.
 *
 *   echo-server-threads echo SIZE BUFFER     (SIZE is not used)
 *
 * It prints its port.
 */
#define _GNU_SOURCE
#include "../../lib/measure.h"
#include <errno.h>
#include <pthread.h>
#include <string.h>

enum { STACK = 64 * 1024, LARGEST = 1024 * 1024 };

static size_t buffer_size;

static void *serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	uint8_t *buffer = malloc(buffer_size);
	ssize_t received;
	while ((received = recv(fd, buffer, buffer_size, 0)) > 0)
		if (send(fd, buffer, received, MSG_NOSIGNAL) != received)
			break;
	free(buffer);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "echo") != 0 || strtoul(argv[3], NULL, 10) > LARGEST) {
		fprintf(stderr, "usage: echo-server-threads echo SIZE BUFFER\n");
		return 2;
	}
	buffer_size = strtoul(argv[3], NULL, 10);
	int listener = listen_on_any_port();
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
		if (fd < 0 && errno != ECONNABORTED)
			die("accept");
		if (fd < 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		pthread_t thread;
		errno = pthread_create(&thread, &attributes, serve, (void *)(intptr_t)fd);
		if (errno != 0)
			die("pthread_create");
	}
}
