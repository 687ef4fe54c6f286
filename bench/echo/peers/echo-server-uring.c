/*
 * The floor on io_uring: one thread, one ring, multishot accept and receive into provided buffers, no libraries.
 *
 *   echo-server-uring echo SIZE BUFFER     (SIZE is not used)
 *
 * It prints its port. Needs Linux 6.1 (DEFER_TASKRUN); says so and exits with 3 where the kernel cannot or may not.
 */
#define _GNU_SOURCE
#include "../../lib/measure.h"
#include <errno.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ENTRIES = 4096, COMPLETIONS = 32768, MAX_FD = 65536, GROUP = 1, BUFFER_MEMORY = 16 * 1024 * 1024 };
enum operation { ACCEPT, RECEIVE, SEND };

/* Buffers that wait to be sent, as a list; lengths and offsets beside them. */
static struct chunk {
	uint32_t length;
	int32_t next;
} *chunks;

static struct connection {
	int32_t first, last; /* chunks; first is being sent; -1: none */
	bool receiving, ended, starved;
} connections[MAX_FD];

static int ring, listener;
static uint8_t *buffers;
static size_t buffer_size;
static unsigned buffer_count;
static struct io_uring_buf_ring *provided;
static uint16_t provided_tail;

static struct io_uring_sqe *sqes;
static unsigned *sq_head, *sq_tail, sq_mask, sq_next;
static struct io_uring_cqe *cqes;
static unsigned *cq_head, *cq_tail, cq_mask;

/* Connections whose receive found no buffer. */
static int *starved;
static unsigned starved_count;

static void enter(unsigned wait)
{
	unsigned submit = sq_next - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE);
	__atomic_store_n(sq_tail, sq_next, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, submit, wait, IORING_ENTER_GETEVENTS, NULL, 0) < 0 && errno != EINTR &&
	    errno != EBUSY && errno != EAGAIN)
		die("io_uring_enter");
}

static struct io_uring_sqe *submission(enum operation operation, int fd)
{
	while (sq_next - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) >= ENTRIES)
		enter(0);
	struct io_uring_sqe *sqe = &sqes[sq_next++ & sq_mask];
	memset(sqe, 0, sizeof *sqe);
	sqe->fd = fd;
	sqe->user_data = (uint64_t)operation << 32 | (uint32_t)fd;
	return sqe;
}

static void accept_on(void)
{
	struct io_uring_sqe *sqe = submission(ACCEPT, listener);
	sqe->opcode = IORING_OP_ACCEPT;
	sqe->ioprio = IORING_ACCEPT_MULTISHOT;
	sqe->accept_flags = SOCK_CLOEXEC;
}

static void receive_on(int fd)
{
	struct io_uring_sqe *sqe = submission(RECEIVE, fd);
	sqe->opcode = IORING_OP_RECV;
	sqe->ioprio = IORING_RECV_MULTISHOT;
	sqe->flags = IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	connections[fd].receiving = true;
}

static void send_first(int fd)
{
	int32_t chunk = connections[fd].first;
	struct io_uring_sqe *sqe = submission(SEND, fd);
	sqe->opcode = IORING_OP_SEND;
	sqe->addr = (uintptr_t)(buffers + chunk * buffer_size);
	sqe->len = chunks[chunk].length;
	sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL; /* short sends are gone on with by the kernel */
}

static void give_back(unsigned chunk)
{
	struct io_uring_buf *buf = &provided->bufs[provided_tail++ & (buffer_count - 1)];
	buf->addr = (uintptr_t)(buffers + chunk * buffer_size);
	buf->len = buffer_size;
	buf->bid = chunk;
	__atomic_store_n(&provided->tail, provided_tail, __ATOMIC_RELEASE);
}

/* Once nothing is under way for it. */
static void close_if_done(int fd)
{
	struct connection *conn = &connections[fd];
	if (conn->ended && !conn->receiving && !conn->starved && conn->first < 0)
		close(fd);
}

static void drop_queue(struct connection *conn)
{
	while (conn->first >= 0) {
		int32_t next = chunks[conn->first].next;
		give_back(conn->first);
		conn->first = next;
	}
}

static void accepted(const struct io_uring_cqe *cqe)
{
	int fd = cqe->res, on = 1;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		accept_on();
	if (fd < 0)
		return;
	if (fd >= MAX_FD) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	connections[fd] = (struct connection){ .first = -1 };
	receive_on(fd);
}

static void received(int fd, const struct io_uring_cqe *cqe)
{
	struct connection *conn = &connections[fd];
	conn->receiving = cqe->flags & IORING_CQE_F_MORE;
	if (cqe->res == -ENOBUFS) {
		conn->starved = true;
		starved[starved_count++] = fd;
		return;
	}
	if (cqe->res <= 0) {
		if (cqe->flags & IORING_CQE_F_BUFFER)
			give_back(cqe->flags >> IORING_CQE_BUFFER_SHIFT);
		conn->ended = true;
		close_if_done(fd);
		return;
	}
	int32_t chunk = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	chunks[chunk] = (struct chunk){ .length = cqe->res, .next = -1 };
	if (conn->first < 0) {
		conn->first = conn->last = chunk;
		send_first(fd);
	} else {
		chunks[conn->last].next = chunk;
		conn->last = chunk;
	}
	if (!conn->receiving && !conn->ended)
		receive_on(fd);
}

static void sent(int fd, const struct io_uring_cqe *cqe)
{
	struct connection *conn = &connections[fd];
	if (cqe->res < (int)chunks[conn->first].length) {
		/* The peer has gone; the receive will be told, too. */
		drop_queue(conn);
		shutdown(fd, SHUT_RDWR);
	} else {
		int32_t chunk = conn->first;
		conn->first = chunks[chunk].next;
		give_back(chunk);
		if (conn->first >= 0)
			send_first(fd);
	}
	close_if_done(fd);
}

static void feed_starved(void)
{
	unsigned count = starved_count;
	starved_count = 0;
	for (unsigned i = 0; i < count; i++) {
		connections[starved[i]].starved = false;
		receive_on(starved[i]);
	}
}

static void set_up_ring(void)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
		.cq_entries = COMPLETIONS,
	};
	ring = syscall(SYS_io_uring_setup, ENTRIES, &params);
	if (ring < 0) {
		perror("io_uring_setup");
		exit(3);
	}
	size_t length = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	size_t submissions = params.sq_off.array + params.sq_entries * sizeof(unsigned);
	if (submissions > length)
		length = submissions;
	int access = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_POPULATE;
	uint8_t *rings = mmap(NULL, length, access, flags, ring, IORING_OFF_SQ_RING);
	sqes = mmap(NULL, params.sq_entries * sizeof *sqes, access, flags, ring, IORING_OFF_SQES);
	if (rings == MAP_FAILED || sqes == MAP_FAILED)
		die("mmap");
	sq_head = (unsigned *)(rings + params.sq_off.head);
	sq_tail = (unsigned *)(rings + params.sq_off.tail);
	sq_mask = *(unsigned *)(rings + params.sq_off.ring_mask);
	unsigned *array = (unsigned *)(rings + params.sq_off.array);
	for (unsigned i = 0; i < params.sq_entries; i++)
		array[i] = i;
	cq_head = (unsigned *)(rings + params.cq_off.head);
	cq_tail = (unsigned *)(rings + params.cq_off.tail);
	cq_mask = *(unsigned *)(rings + params.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
}

static void set_up_buffers(void)
{
	for (buffer_count = 1; buffer_count < 32768 && buffer_count * 2 * buffer_size <= BUFFER_MEMORY;)
		buffer_count *= 2;
	chunks = calloc(buffer_count, sizeof *chunks);
	starved = calloc(MAX_FD, sizeof *starved);
	int access = PROT_READ | PROT_WRITE, flags = MAP_PRIVATE | MAP_ANONYMOUS;
	buffers = mmap(NULL, buffer_count * buffer_size, access, flags, -1, 0);
	provided = mmap(NULL, buffer_count * sizeof(struct io_uring_buf), access, flags, -1, 0);
	if (buffers == MAP_FAILED || provided == MAP_FAILED)
		die("mmap");
	struct io_uring_buf_reg registration = {
		.ring_addr = (uintptr_t)provided,
		.ring_entries = buffer_count,
		.bgid = GROUP,
	};
	if (syscall(SYS_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0)
		die("IORING_REGISTER_PBUF_RING");
	for (unsigned i = 0; i < buffer_count; i++)
		give_back(i);
}

int main(int argc, char **argv)
{
	if (argc != 4 || strcmp(argv[1], "echo") != 0) {
		fprintf(stderr, "usage: echo-server-uring echo SIZE BUFFER\n");
		return 2;
	}
	buffer_size = strtoul(argv[3], NULL, 10);
	set_up_ring();
	set_up_buffers();
	listener = listen_on_any_port();
	accept_on();
	for (;;) {
		enter(1);
		unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
		for (; head != tail; head++) {
			const struct io_uring_cqe *cqe = &cqes[head & cq_mask];
			int fd = (int)(uint32_t)cqe->user_data;
			switch ((enum operation)(cqe->user_data >> 32)) {
			case ACCEPT:
				accepted(cqe);
				break;
			case RECEIVE:
				received(fd, cqe);
				break;
			case SEND:
				sent(fd, cqe);
				break;
			}
			__atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
		}
		feed_starved();
	}
}
