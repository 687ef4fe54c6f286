/**
 * What the kernel and we agree on about io_uring, as far as TypeScript has to know it. An index is one of 32-bit
 * words; the rest is the kernel's numbers under its names.
 */

/** The words of `struct io_uring_params` that are read. */
export const P_SQ_ENTRIES = 0;
export const P_CQ_ENTRIES = 1;
export const P_FLAGS = 2;
export const P_FEATURES = 5;
/** Offsets in bytes into the mapped rings. */
export const P_SQ_HEAD = 10;
export const P_SQ_TAIL = 11;
export const P_SQ_FLAGS = 14;
export const P_CQ_HEAD = 20;
export const P_CQ_TAIL = 21;
export const P_CQ_OVERFLOW = 24;
export const P_CQ_CQES = 25;
export const PARAMS_SIZE = 30;

/** The words of a submission. */
export const SQE_SIZE = 16;
/** Opcode, flags in the second byte, priority in the upper half. */
export const Q_HEAD = 0;
export const Q_FD = 1;
export const Q_OFFSET = 2;
export const Q_OFFSET_HIGH = 3;
export const Q_ADDRESS = 4;
export const Q_ADDRESS_HIGH = 5;
export const Q_LENGTH = 6;
export const Q_OP_FLAGS = 7;
export const Q_USER = 8;
export const Q_USER_HIGH = 9;
/** Number of the group of buffers to choose from, in the lower half. */
export const Q_BUFFER_GROUP = 10;
export const Q_FILE_INDEX = 11;
/** Of a multishot receive: how many bytes it brings before it ends (6.17). The length is then the most at a time. */
export const Q_MULTISHOT_LIMIT = 11;
export const Q_ADDRESS3 = 12;
export const Q_ADDRESS3_HIGH = 13;

/** The words of a completion. */
export const CQE_SIZE = 4;
export const E_USER = 0;
export const E_USER_HIGH = 1;
export const E_RESULT = 2;
export const E_FLAGS = 3;

export const SETUP_CQSIZE = 1 << 3;
export const SETUP_CLAMP = 1 << 4;
export const SETUP_SUBMIT_ALL = 1 << 7;
export const SETUP_TASKRUN_FLAG = 1 << 9;
export const SETUP_SINGLE_ISSUER = 1 << 12;
export const SETUP_DEFER_TASKRUN = 1 << 13;

export const FEATURE_SINGLE_MMAP = 1 << 0;
export const FEATURE_NODROP = 1 << 1;
export const FEATURE_FAST_POLL = 1 << 5;
export const FEATURE_CQE_SKIP = 1 << 11;

export const SQ_CQ_OVERFLOW = 1 << 1;

export const CQE_BUFFER = 1 << 0;
export const CQE_MORE = 1 << 1;
/** The kernel goes on filling the same buffer. */
export const CQE_BUFFER_MORE = 1 << 4;
export const CQE_BUFFER_SHIFT = 16;

export const SQE_IO_LINK = 1 << 2;
export const SQE_IO_HARDLINK = 1 << 3;
export const SQE_ASYNC = 1 << 4;
export const SQE_BUFFER_SELECT = 1 << 5;
export const SQE_CQE_SKIP_SUCCESS = 1 << 6;

export const OP_NOP = 0;
export const OP_READV = 1;
export const OP_WRITEV = 2;
export const OP_FSYNC = 3;
export const OP_POLL_ADD = 6;
export const OP_POLL_REMOVE = 7;
export const OP_SENDMSG = 9;
export const OP_ACCEPT = 13;
export const OP_ASYNC_CANCEL = 14;
export const OP_CONNECT = 16;
export const OP_OPENAT = 18;
export const OP_CLOSE = 19;
export const OP_STATX = 21;
export const OP_READ = 22;
export const OP_WRITE = 23;
export const OP_SEND = 26;
export const OP_RECV = 27;
export const OP_SHUTDOWN = 34;

export const REGISTER_PROBE = 8;
export const REGISTER_BUFFER_RING = 22;
export const UNREGISTER_BUFFER_RING = 23;

/** Of `OP_FSYNC`. */
export const FSYNC_DATASYNC = 1 << 0;

/** In the priority of a receive, and of an accept. */
export const RECV_POLL_FIRST = 1 << 0;
export const RECV_MULTISHOT = 1 << 1;
export const ACCEPT_MULTISHOT = 1 << 0;

/** In the op flags of a send. */
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_NOSIGNAL = 0x4000;

/** In the op flags of a cancel. */
export const CANCEL_ALL = 1 << 0;
export const CANCEL_FD = 1 << 1;

/** Of a buffer ring: buffers are filled piece by piece. */
export const BUFFER_RING_INCREMENTAL = 2;
