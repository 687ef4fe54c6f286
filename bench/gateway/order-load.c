/*
 * Orders and prices for a gateway, each sent when it is due, whatever becomes of the others; latency counts from that
 * instant. One thread, epoll. It does what `gopark`'s own load driver does (src/cli/load), with the same options and
 * reports, but takes a tenth of its CPU time and has no garbage to collect: what it calls slow, was slow.
 *
 *   order-load --address 127.0.0.1:PORT --connections N --symbols N --from-input [--seconds 0 --rate 0 --feeds 0]
 *
 * Phases come from stdin, one line of JSON each: {"seconds":S,"rate":ORDERS_A_SECOND,"feeds":PRICES_A_SECOND}.
 */
#define _GNU_SOURCE
#include "../lib/measure.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS = 512, BUFFER = 64 * 1024, PUBLISHERS = 4, SUBSCRIPTIONS = 2, PER_SOURCE = 20000 };
static const int64_t second = 1000000000, patience = 5 * second;

struct connection {
	int fd;
	bool within;             /* the line whose beginning has been looked at goes on */
	bool greeted;            /* its subscription was answered */
	uint32_t stale;          /* answers still to come for orders of an earlier phase, which counts them as lost */
	uint64_t sent, answered; /* orders of this phase */
};

static int epoll, connections, symbols;
static struct connection *all, publishers[PUBLISHERS];
static char inbox[BUFFER], first_error[200];
static struct histogram latencies, of_this_second;
/* Order i is due at opened + i / rate; prices likewise. */
static int64_t opened;
static double rate, feeds;
static uint64_t orders, prices, orders_before;
static uint64_t acknowledged, acknowledged_before, ticks, ticks_before, skipped, errors;
static int greeted;

static void failed(const char *why, size_t length)
{
	if (errors++ == 0)
		for (size_t i = 0; i < length && i < sizeof first_error - 1; i++)
			first_error[i] = why[i] < ' ' || why[i] == '"' || why[i] == '\\' ? '?' : why[i];
}

static bool send_line(struct connection *conn, const char *line, int length)
{
	ssize_t sent = send(conn->fd, line, length, MSG_NOSIGNAL);
	if (sent == length)
		return true;
	if (sent >= 0 || errno != EAGAIN)
		die("send");
	skipped++;
	return false;
}

static int64_t due(uint64_t i, double a_second)
{
	return opened + (int64_t)(i * (1e9 / a_second));
}

static void answered(struct connection *conn, int64_t now)
{
	if (conn->stale > 0) {
		conn->stale--;
		return;
	}
	int64_t latency = now - due(conn->answered++ * connections + (conn - all), rate);
	record(&latencies, latency);
	record(&of_this_second, latency);
	acknowledged++;
}

static void begin_line(struct connection *conn, const char *line, size_t length, int64_t now)
{
	if (line[0] == 'A' || line[0] == 'R')
		answered(conn, now);
	if (line[0] == 'T')
		ticks++;
	else if (line[0] == 'O' && !conn->greeted)
		greeted += conn->greeted = true;
	else if (line[0] == 'E' || line[0] == 'R')
		failed(line, length);
}

static void receive(struct connection *conn)
{
	ssize_t count = recv(conn->fd, inbox, BUFFER, 0);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count <= 0)
		die("the gateway ended a connection: recv");
	int64_t now = now_ns();
	for (char *at = inbox, *end = inbox + count; at < end;) {
		char *feed = memchr(at, '\n', end - at);
		if (!conn->within)
			begin_line(conn, at, (feed == NULL ? end : feed) - at, now);
		conn->within = feed == NULL;
		at = feed == NULL ? end : feed + 1;
	}
}

static void send_due(int64_t now, int64_t end)
{
	char line[100];
	for (int64_t at; rate > 0 && (at = due(orders, rate)) <= now && at < end;) {
		struct connection *conn = &all[orders % connections];
		/* What does not fit in has no answer: the numbers go on, or later answers would be taken for it. */
		int length = snprintf(line, sizeof line, "ORD %d-%llu BUY SYM%llu 10 101.25\n", (int)(conn - all),
				      (unsigned long long)++conn->sent, (unsigned long long)(orders % symbols));
		if (!send_line(conn, line, length))
			die("the gateway does not read: send");
		orders++;
	}
	for (int64_t at; feeds > 0 && (at = due(prices, feeds)) <= now && at < end; prices++) {
		int length = snprintf(line, sizeof line, "FEED SYM%llu %.2f\n", (unsigned long long)(prices % symbols),
				      100 + prices % 1000 / 100.0);
		send_line(&publishers[prices % PUBLISHERS], line, length);
	}
}

static int64_t next_due(int64_t end)
{
	int64_t next = end;
	if (rate > 0 && due(orders, rate) < next)
		next = due(orders, rate);
	if (feeds > 0 && due(prices, feeds) < next)
		next = due(prices, feeds);
	return next;
}

/* Takes what comes until an instant. */
static void wait_until(int64_t next)
{
	struct epoll_event events[EVENTS];
	int64_t idle = next - now_ns();
	struct timespec wait = { 0 };
	if (idle > 0)
		wait = (struct timespec){ idle / second, idle % second };
	int count = syscall(SYS_epoll_pwait2, epoll, events, EVENTS, &wait, NULL, 0);
	if (count < 0 && errno == ENOSYS) /* before Linux 5.11: whole milliseconds */
		count = epoll_wait(epoll, events, EVENTS, idle > 0 ? idle / 1000000 : 0);
	for (int i = 0; i < count; i++)
		receive(events[i].data.ptr);
}

static void tell(const char *kind, const struct histogram *histogram, uint64_t ordered, uint64_t acks, uint64_t ticked,
		 double seconds)
{
	printf("{\"kind\":\"%s\",\"connected\":%d,\"orders\":%llu,\"acks\":%llu,\"ticks\":%llu,\"p50\":%.0f,"
	       "\"p99\":%.0f,\"max\":%.0f,\"seconds\":%.4f,\"lost\":%llu,\"skipped\":%llu,\"errors\":%llu,"
	       "\"firstError\":\"%s\"}\n",
	       kind, connections, (unsigned long long)ordered, (unsigned long long)acks, (unsigned long long)ticked,
	       percentile_us(histogram, 0.5), percentile_us(histogram, 0.99), histogram->largest / 1e3, seconds,
	       (unsigned long long)(orders - acknowledged), (unsigned long long)skipped, (unsigned long long)errors,
	       first_error);
	fflush(stdout);
}

static void tell_second(void)
{
	tell("second", &of_this_second, orders - orders_before, acknowledged - acknowledged_before,
	     ticks - ticks_before, 1);
	of_this_second = (struct histogram){ 0 };
	orders_before = orders;
	acknowledged_before = acknowledged;
	ticks_before = ticks;
}

static void begin_phase(void)
{
	for (int i = 0; i < connections; i++) {
		all[i].stale += all[i].sent - all[i].answered;
		all[i].sent = all[i].answered = 0;
	}
	latencies = of_this_second = (struct histogram){ 0 };
	orders = prices = acknowledged = ticks = skipped = errors = 0;
	orders_before = acknowledged_before = ticks_before = 0;
	first_error[0] = 0;
	opened = now_ns();
}

static void open_one(struct connection *conn, int source, int port)
{
	conn->fd = connect_from(source, port);
	set_nonblocking(conn->fd);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->fd, &event) < 0)
		die("epoll_ctl");
}

/* Publishers are there while there is something to publish: the gateway closes who is silent for long. */
static void run_phase(double seconds, int port)
{
	for (int i = 0; feeds > 0 && i < PUBLISHERS; i++)
		open_one(&publishers[i], 1, port);
	begin_phase();
	int64_t end = opened + (int64_t)(seconds * second), next_second = opened + second;
	for (int64_t now = opened; now < end; now = now_ns()) {
		send_due(now, end);
		if (now >= next_second) {
			tell_second();
			next_second += second;
		}
		int64_t next = next_due(end);
		wait_until(next < next_second ? next : next_second);
	}
	send_due(end, end); /* what was due while we looked elsewhere */
	for (int64_t limit = now_ns() + patience; acknowledged < orders && now_ns() < limit;)
		wait_until(limit);
	tell("end", &latencies, orders, acknowledged, ticks, (now_ns() - opened) / 1e9);
	for (int i = 0; feeds > 0 && i < PUBLISHERS; i++)
		close(publishers[i].fd);
}

static void open_all(int port)
{
	char line[100];
	for (int i = 0; i < connections; i++) {
		open_one(&all[i], 1 + i / PER_SOURCE, port);
		int length = snprintf(line, sizeof line, "SUB SYM%d,SYM%d\n", i * SUBSCRIPTIONS % symbols,
				      (i * SUBSCRIPTIONS + 1) % symbols);
		send_line(&all[i], line, length);
		/* A gateway has so much to do for each that more at a time would only wait. */
		while (i - greeted > 64)
			wait_until(now_ns() + second);
	}
	while (greeted < connections)
		wait_until(now_ns() + second);
}

int main(int argc, char **argv)
{
	int port = 0;
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--address") == 0)
			port = atoi(strrchr(argv[i + 1], ':') + 1);
		else if (strcmp(argv[i], "--connections") == 0)
			connections = atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--symbols") == 0)
			symbols = atoi(argv[i + 1]);
	}
	if (port == 0 || connections == 0 || symbols == 0) {
		fprintf(stderr, "order-load: --address, --connections or --symbols is missing\n");
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1); /* the kernel would else add 50 us to each wait */
	epoll = epoll_create1(EPOLL_CLOEXEC);
	all = calloc(connections, sizeof *all);
	open_all(port);
	begin_phase();
	tell("ready", &latencies, 0, 0, 0, 0);
	char line[256];
	while (fgets(line, sizeof line, stdin) != NULL) {
		double seconds;
		if (sscanf(line, "{\"seconds\":%lf,\"rate\":%lf,\"feeds\":%lf}", &seconds, &rate, &feeds) != 3) {
			fprintf(stderr, "order-load: no phase: %s", line);
			return 2;
		}
		run_phase(seconds, port);
	}
	return 0;
}
