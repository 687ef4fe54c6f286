import { errnoMessage, errnoName } from '../../errno.ts';
import type { Native } from '../epoll/native.ts';
import {
  CQE_MORE,
  OP_ASYNC_CANCEL,
  OP_CLOSE,
  OP_NOP,
  OP_POLL_ADD,
  OP_RECV,
  OP_SEND,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_BUFFER_GROUP,
  Q_LENGTH,
  RECV_MULTISHOT,
  SQE_BUFFER_SELECT,
} from './abi.ts';
import { ProvidedBuffers } from './buffers.ts';
import { highWord, type Refusal, Ring } from './ring.ts';
import { whyPlainSends } from './sends.ts';

/** What the driver cannot do without. */
const NEEDED: readonly (readonly [op: number, name: string])[] = [
  [OP_NOP, 'NOP'],
  [OP_POLL_ADD, 'POLL_ADD'],
  [OP_ASYNC_CANCEL, 'ASYNC_CANCEL'],
  [OP_RECV, 'RECV'],
  [OP_SEND, 'SEND'],
  [OP_CLOSE, 'CLOSE'],
];
const ENOSYS = 38;
const PROTOCOL_ERROR = 71;
/** How often the kernel is asked for a completion that is due at once. */
const PATIENCE = 1000;

/** What a ring turned out to be able to do. */
export interface Trial {
  /** Null: the driver can run. */
  readonly refusal: Refusal | null;
  /** Whether the kernel fills buffers piece by piece (6.12). */
  readonly incremental: boolean;
  /** Why small writes are sent by plain calls (sends.ts); null: they go by the ring, or there is none. */
  readonly plainSends: string | null;
}

/** Sets up a ring as the driver needs it, sends a few bytes through it, and gives it back. */
export function tryRing(native: Native): Trial {
  const refused = (refusal: Refusal) => ({ refusal, incremental: false, plainSends: null });
  const ring = Ring.open(native, { submissions: 8, completions: 16 });
  if (!(ring instanceof Ring)) return refused(ring);
  try {
    for (const [op, name] of NEEDED) {
      if (!ring.supports(op)) return refused({ step: `its operation ${name}`, errno: ENOSYS });
    }
    const shape = { count: 2, size: 4096 };
    const slab = new Uint8Array(shape.count * shape.size);
    const buffers = ProvidedBuffers.register(ring, 0, slab, 0, { incremental: shape, whole: shape });
    if (!(buffers instanceof ProvidedBuffers)) return refused(buffers);
    const refusal = roundTrip(native, ring, slab, buffers);
    if (refusal !== null) return refused(refusal);
    const plainSends = whyPlainSends(ring, native, ring.join({ completed: () => {} }));
    return { refusal: null, incremental: buffers.incremental, plainSends };
  } finally {
    ring.close();
  }
}

/** Bytes through a pair of sockets, received as the driver does it. */
function roundTrip(native: Native, ring: Ring, slab: Uint8Array, buffers: ProvidedBuffers): Refusal | null {
  const pair = new Int32Array(2);
  const result = native.socketPair(pair);
  if (result < 0) return { step: 'a pair of sockets', errno: -result };
  const [a, b] = pair as unknown as [number, number];
  try {
    const tag = ring.join({ completed: () => {} });
    const receive = ring.next(OP_RECV | (SQE_BUFFER_SELECT << 8) | (RECV_MULTISHOT << 16), a, tag, 1, 1);
    ring.sqes[receive + Q_BUFFER_GROUP] = 0;
    const bytes = new TextEncoder().encode('gopark');
    const address = ring.addressOf(bytes);
    const send = ring.next(OP_SEND, b, tag, 2, 1);
    ring.sqes[send + Q_ADDRESS] = address | 0;
    ring.sqes[send + Q_ADDRESS_HIGH] = highWord(address);
    ring.sqes[send + Q_LENGTH] = bytes.length;
    let received = null;
    for (let i = 0; i < PATIENCE && received === null; i++) {
      ring.collect();
      received = ring.take(tag, 1, 1);
    }
    if (received === null) return { step: 'a multishot receive', errno: PROTOCOL_ERROR };
    if (received.result < 0) return { step: 'a multishot receive', errno: -received.result };
    const at = buffers.received(received.result, received.flags);
    const same = bytes.every((byte, i) => slab[at + i] === byte);
    if (!same || received.result !== bytes.length || !(received.flags & CQE_MORE))
      return { step: 'a round trip', errno: PROTOCOL_ERROR };
    return null;
  } finally {
    // Not by Node, which holds it against a worker that it closes what it has not opened.
    for (const descriptor of pair) ring.next(OP_CLOSE, descriptor, 0, 0, 0);
    ring.submit();
  }
}

/** As the line on stderr and the doctor have it. */
export function describeRefusal({ step, errno }: Refusal): string {
  return `the kernel refuses ${step}: ${errnoName(errno)}, ${errnoMessage(errno)}`;
}
