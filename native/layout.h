/*
 * The memory that JavaScript and C share. One ArrayBuffer of int32 words holds, in this order: the header, the
 * completions of the current batch, the segments of the outbound chains, the list of dirty slots, the slots.
 * src/poll/drivers/epoll/layout.ts says the same in TypeScript; LAYOUT_VERSION guards against a stale build.
 */
#ifndef GOPARK_LAYOUT_H
#define GOPARK_LAYOUT_H

#include <stdint.h>

enum { LAYOUT_VERSION = 27 };

/* The header. JavaScript fills in the first six before init; the rest changes all the time. */
enum {
	H_VERSION,
	H_SLOTS,        /* number of slots, and capacity of the dirty list */
	H_SEGMENTS,     /* number of segments */
	H_COMPLETIONS,  /* capacity of the completion array */
	H_OUT_START,    /* outbound part of the slab: where chains are staged */
	H_MAX_RECV,     /* the most one receive into the slab may bring */
	H_COMPLETED,    /* completions in the array */
	H_IN_OFFSET,    /* next free byte of the inbound part of the slab */
	H_IN_LIMIT,     /* its end */
	H_OUT_OFFSET,   /* next free byte of the outbound part */
	H_SEGMENTS_USED,
	H_DIRTY,        /* slots in the dirty list */
	H_HOLDS,        /* reasons for the event loop to stay alive */
	H_REFERENCED,   /* whether our handle keeps the event loop alive right now */
	H_UNSENT,       /* what flushSlot lost when it failed */
	H_TURN,         /* changes whenever the event loop goes to sleep */
	H_RAN_FROM,     /* microseconds: since when JavaScript of ours runs in this turn, 0: it did not */
	H_RAN_FOR,      /* how long that turn went on after it */
	H_SPLICE_TAKEN = 20, /* what the last splice did: bytes out of its source, */
	H_SPLICE_SENT,       /* bytes into its destination, */
	H_SPLICE_CHANNEL,    /* the pipe that still holds some, or -1, */
	H_SPLICE_HELD,       /* and how many, */
	H_SPLICE_BULK,       /* whether much comes, */
	H_SPLICE_ERROR,      /* the errno that ended it, */
	H_SPLICE_LEFT_FROM,  /* and what of the slab was received and not sent. */
	H_SPLICE_LEFT_TO,
	H_SPLICE_PIPED,      /* whether it needed a pipe */
	H_RING_CALLS,        /* by a ring: how often chains were sent, */
	H_RING_SENDS,        /* of how many slots, */
	H_RING_SHORT,        /* and how many of these did not go whole */
	H_SIZE = 32
};

/* How a splice ended: as src/poll/splice.ts has it. */
enum { SPLICE_MORE = 1, SPLICE_EMPTY, SPLICE_FULL, SPLICE_END, SPLICE_FROM_FAILED, SPLICE_TO_FAILED, SPLICE_CANNOT };

/* One completion: what happened to which slot. */
typedef struct {
	int32_t kind;
	int32_t slot;
	int32_t generation;
	int32_t result; /* a count, a slot, or a negated errno */
	int32_t offset; /* where in the slab received bytes lie; generation of an accepted slot; bytes unsent */
	int32_t reserved[3];
} completion_t;

enum { K_RECEIVED = 1, K_READABLE, K_WRITABLE, K_ACCEPTED, K_CONNECTED, K_SEND_PARTIAL, K_SEND_FAILED, K_STREAMED,
       K_FETCH };

/* A piece of an outbound chain in the slab. */
typedef struct {
	int32_t offset;
	int32_t length;
	int32_t next; /* segment, or -1 */
	int32_t capacity;
} segment_t;

/* One descriptor: exactly one cache line. */
typedef struct {
	int32_t flags;
	int32_t generation;
	int32_t fd;       /* -1: the slot is free, and `want` links to the next free one */
	int32_t want;     /* how many bytes the parked reader asks for */
	int32_t out_head; /* first and last segment of the chain, -1: none */
	int32_t out_tail;
	int32_t out_length;
	int32_t peer_port; /* of the address that accept reported; family 0: ask the kernel */
	int32_t peer_family;
	int32_t peer_scope;
	int32_t peer_address[4];
	int32_t set;         /* the poller set that its events come from; -1: none knows it yet */
	union {
		int32_t domain;      /* of a datagram socket: its address family */
		int32_t streamed_in; /* of any other: the batch in which its stream received last */
	};
} slot_t;

enum {
	F_READABLE = 1 << 0,    /* an edge came, and no receive since has come back short */
	F_WRITABLE = 1 << 1,    /* no send since the last edge has come back short */
	F_PEER_CLOSED = 1 << 2, /* end of stream is somewhere behind the unread bytes: a short read means nothing */
	F_WANT_RECV = 1 << 3,   /* a reader is parked: receive into the slab */
	F_WANT_READABLE = 1 << 4,
	F_WANT_WRITABLE = 1 << 5,
	F_WANT_ACCEPT = 1 << 6,
	F_CONNECTING = 1 << 7,
	F_DIRTY = 1 << 8,    /* in the dirty list */
	F_RETRYING = 1 << 9, /* in the retry list */
	F_SENDING = 1 << 10, /* a thread sends a file, by a duplicate of the descriptor */
	F_NEWCOMER = 1 << 17, /* in the list of newcomers */
	F_STREAM = 1 << 11,  /* receive whenever bytes are there, `want` at a time (-1: tell only): until it is cleared, the end, or an error */
	F_DATAGRAM = 1 << 12,
	F_APART = 1 << 20,   /* of a datagram socket: the path takes no datagrams put together */
	F_PACKETS = 1 << 13, /* messages with bounds: a short receive says nothing about what else is there */
	F_SHARED = 1 << 14,  /* other processes have the socket, too */
	F_PIPE = 1 << 15,    /* a pipe or FIFO: read and written, and not ours to close */
	F_RING = 1 << 16,    /* a connection that an io_uring sees to, and no epoll set */

	/* A pipe may have bounds that its writer has set. */
	F_SHORT_MEANS_NOTHING = F_PEER_CLOSED | F_PACKETS | F_PIPE,
};

#endif
