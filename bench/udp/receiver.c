/* The floor: epoll and recvmmsg, 32 datagrams at a time. Prints its port, and its count for each line of its input. */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 32, ROOM = 2048 };

int main(void)
{
	static char buffers[BATCH][ROOM];
	struct sockaddr_in names[BATCH], address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH];
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0 || epoll < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("socket");
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	event.data.fd = STDIN_FILENO;
	epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	memset(messages, 0, sizeof messages);
	for (int i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){ buffers[i], ROOM };
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
		messages[i].msg_hdr.msg_name = &names[i];
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	for (uint64_t received = 0;;) {
		struct epoll_event events[2];
		int ready = epoll_wait(epoll, events, 2, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd == STDIN_FILENO) {
				char line[64];
				if (read(STDIN_FILENO, line, sizeof line) <= 0)
					return 0;
				printf("%llu\n", (unsigned long long)received);
				fflush(stdout);
				continue;
			}
			for (int j = 0; j < BATCH; j++)
				messages[j].msg_hdr.msg_namelen = sizeof names[j];
			int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
			if (count > 0)
				received += count;
		}
	}
}
