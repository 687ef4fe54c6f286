/*
 * Opens connections and holds them, as idle clients do.
 *
 *   hold-connections PORT CONNECTIONS ROUND_TRIPS
 *
 * Makes ROUND_TRIPS exchanges of a 16-byte line on each connection (0: none), prints "held". Each line on its standard
 * input makes it do that again, with one exchange; the end of that input ends it. Connections beyond 20,000 come from further addresses, 127.0.0.2 and on: an address has 28,000 ports.
 */
#include "../lib/measure.h"
#include <string.h>
#include <unistd.h>

enum { PER_SOURCE = 20000, BATCH = 100, LINE = 16 };

static const char line[LINE + 1] = "fifteen letters\n";

static void receive_line(int fd)
{
	char answer[LINE];
	ssize_t have = 0;
	while (have < LINE) {
		ssize_t count = recv(fd, answer + have, LINE - have, 0);
		if (count <= 0)
			die("the server ended a connection: recv");
		have += count;
	}
	if (memcmp(answer, line, LINE) != 0) {
		fprintf(stderr, "an answer differs from its message\n");
		exit(1);
	}
}

/* Batches: neither one wake-up of the server for each connection, nor all of them at once. */
static void exchange(const int *fds, int connections)
{
	for (int from = 0; from < connections; from += BATCH) {
		int to = from + BATCH < connections ? from + BATCH : connections;
		for (int i = from; i < to; i++) {
			if (send(fds[i], line, LINE, MSG_NOSIGNAL) != LINE)
				die("send");
		}
		for (int i = from; i < to; i++)
			receive_line(fds[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: hold-connections PORT CONNECTIONS ROUND_TRIPS\n");
		return 2;
	}
	int connections = atoi(argv[2]);
	int *fds = calloc(connections, sizeof *fds);
	for (int i = 0; i < connections; i++)
		fds[i] = connect_from(1 + i / PER_SOURCE, atoi(argv[1]));
	for (int round = atoi(argv[3]); round > 0; round--)
		exchange(fds, connections);
	puts("held");
	fflush(stdout);
	char byte;
	while (read(STDIN_FILENO, &byte, 1) > 0) {
		if (byte != '\n')
			continue;
		exchange(fds, connections);
		puts("held");
		fflush(stdout);
	}
	return 0;
}
