/**
 * The memory that TypeScript and C share, as native/layout.h describes it: int32 words in the order header,
 * completions, segments, dirty list, slots. The two files change together, and `LAYOUT_VERSION` with them.
 */
export const LAYOUT_VERSION = 27;

export const H_VERSION = 0;
export const H_SLOTS = 1;
export const H_SEGMENTS = 2;
export const H_COMPLETIONS = 3;
export const H_OUT_START = 4;
export const H_MAX_RECV = 5;
export const H_COMPLETED = 6;
export const H_IN_OFFSET = 7;
export const H_IN_LIMIT = 8;
export const H_OUT_OFFSET = 9;
export const H_SEGMENTS_USED = 10;
export const H_DIRTY = 11;
export const H_HOLDS = 12;
export const H_REFERENCED = 13;
export const H_UNSENT = 14;
/** This and the two words behind it are the runtime's: see turns.ts there. */
export const H_TURN = 15;
export const H_SPLICE_TAKEN = 20;
export const H_SPLICE_SENT = 21;
export const H_SPLICE_CHANNEL = 22;
export const H_SPLICE_HELD = 23;
export const H_SPLICE_BULK = 24;
export const H_SPLICE_ERROR = 25;
export const H_SPLICE_LEFT_FROM = 26;
export const H_SPLICE_LEFT_TO = 27;
export const H_SPLICE_PIPED = 28;
export const H_RING_CALLS = 29;
export const H_RING_SENDS = 30;
export const H_RING_SHORT = 31;
export const H_SIZE = 32;

export const COMPLETION_SIZE = 8;
export const C_KIND = 0;
export const C_SLOT = 1;
export const C_GENERATION = 2;
export const C_RESULT = 3;
export const C_OFFSET = 4;

export const K_RECEIVED = 1;
export const K_READABLE = 2;
export const K_WRITABLE = 3;
export const K_ACCEPTED = 4;
export const K_CONNECTED = 5;
export const K_SEND_PARTIAL = 6;
export const K_SEND_FAILED = 7;
export const K_STREAMED = 8;
export const K_FETCH = 9;

export const SEGMENT_SIZE = 4;
export const G_OFFSET = 0;
export const G_LENGTH = 1;
export const G_NEXT = 2;
export const G_CAPACITY = 3;

export const SLOT_SIZE = 16;
export const S_FLAGS = 0;
export const S_GENERATION = 1;
export const S_FD = 2;
export const S_WANT = 3;
export const S_OUT_HEAD = 4;
export const S_OUT_TAIL = 5;
export const S_OUT_LENGTH = 6;
export const S_PEER_PORT = 7;
export const S_PEER_FAMILY = 8;
export const S_PEER_ADDRESS = 10;
export const S_STREAMED_IN = 15;

export const F_READABLE = 1 << 0;
export const F_WRITABLE = 1 << 1;
export const F_PEER_CLOSED = 1 << 2;
export const F_WANT_RECV = 1 << 3;
export const F_WANT_READABLE = 1 << 4;
export const F_WANT_WRITABLE = 1 << 5;
export const F_WANT_ACCEPT = 1 << 6;
export const F_CONNECTING = 1 << 7;
export const F_DIRTY = 1 << 8;
export const F_RETRYING = 1 << 9;
export const F_STREAM = 1 << 11;
export const F_DATAGRAM = 1 << 12;
export const F_RING = 1 << 16;
export const F_NEWCOMER = 1 << 17;

/** Sizes of one driver's memory. Pages that are never touched cost nothing. */
export interface Sizes {
  /** Descriptors at a time. */
  readonly slots: number;
  /** Bytes for what one batch receives. */
  readonly inbound: number;
  /** Bytes for what one round of goroutines writes. */
  readonly outbound: number;
  /** Bytes that one receive may bring at most. */
  readonly maxRecv: number;
  /** Bytes at the end of the slab that the native part leaves alone. */
  readonly own?: number;
}

const COMPLETIONS = 4096;
const SEGMENTS = 16_384;

/** The shared words and the slab of one driver, laid out and ready for the native part. */
export class SharedMemory {
  readonly words: Int32Array<ArrayBuffer>;
  /** The same memory by bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly slab: Uint8Array<ArrayBuffer>;
  readonly completions = H_SIZE;
  readonly segments = H_SIZE + COMPLETIONS * COMPLETION_SIZE;
  readonly segmentCount = SEGMENTS;
  readonly dirty = H_SIZE + COMPLETIONS * COMPLETION_SIZE + SEGMENTS * SEGMENT_SIZE;
  readonly slots: number;
  readonly slotCount: number;
  /** Where a receive outside a batch may put its bytes: [0, maxRecv) of the slab. */
  readonly maxRecv: number;
  readonly inStart: number;
  readonly outStart: number;
  readonly outLimit: number;

  constructor(sizes: Sizes) {
    this.slotCount = (sizes.slots + 15) & ~15;
    this.slots = this.dirty + this.slotCount;
    this.maxRecv = sizes.maxRecv;
    this.inStart = sizes.maxRecv;
    this.outStart = this.inStart + sizes.inbound;
    this.outLimit = this.outStart + sizes.outbound;
    this.words = new Int32Array(this.slots + this.slotCount * SLOT_SIZE);
    this.bytes = new Uint8Array(this.words.buffer);
    this.slab = new Uint8Array(this.outLimit + (sizes.own ?? 0));
    const words = this.words;
    words[H_VERSION] = LAYOUT_VERSION;
    words[H_SLOTS] = this.slotCount;
    words[H_SEGMENTS] = SEGMENTS;
    words[H_COMPLETIONS] = COMPLETIONS;
    words[H_OUT_START] = this.outStart;
    words[H_MAX_RECV] = sizes.maxRecv;
    words[H_IN_OFFSET] = this.inStart;
    words[H_IN_LIMIT] = this.outStart;
    words[H_OUT_OFFSET] = this.outStart;
  }
}
