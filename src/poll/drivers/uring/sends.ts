import { EAGAIN, errnoMessage, errnoName } from '../../errno.ts';
import type { Native } from '../epoll/native.ts';
import {
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  MSG_WAITALL,
  OP_CLOSE,
  OP_SEND,
  OP_SENDMSG,
  Q_ADDRESS,
  Q_ADDRESS_HIGH,
  Q_LENGTH,
  Q_OP_FLAGS,
  SQE_CQE_SKIP_SUCCESS,
} from './abi.ts';
import { highWord, type Ring } from './ring.ts';

/** One chain goes as fast by a call of its own. */
const LEAST = 2;
/** More than a socket takes that nobody reads from. */
const TOO_MUCH = 8 << 20;
/** Where in a `struct msghdr` the vectors and their number are, in words of 64 bits. */
const MESSAGE_SIZE = 7;
const M_VECTORS = 2;
const M_COUNT = 3;

/** What of a driver's chains went by its ring, since it was started. */
export interface SentByRing {
  /** How often several chains were sent together, */
  readonly calls: number;
  /** how many, */
  readonly sends: number;
  /** and how many of these did not go whole, or failed. */
  readonly short: number;
}

/**
 * From now on the chains of a round go to the kernel together, as submissions (native/uring-send.c): null. Or why they do
 * not: this kernel does not answer them as that needs it, and nothing has changed.
 */
export function sendByRing(ring: Ring, native: Native): string | null {
  const tag = ring.join({ completed: () => {} });
  const why = whyPlainSends(ring, native, tag);
  if (why !== null) return why;
  const result = ring.sendChains(tag, LEAST);
  return result < 0 ? `memory for them: ${describe(-result)}` : null;
}

/**
 * Why sends cannot be submissions; null: what goes whole is silent, what goes in part tells how much, and what does not
 * go says so instead of waiting, of one piece and of several.
 */
export function whyPlainSends(ring: Ring, native: Native, tag: number): string | null {
  for (const op of [OP_SEND, OP_SENDMSG]) {
    const why = ring.supports(op) ? tried(ring, native, tag, op) : 'is not there';
    if (why !== null) return `the kernel's ${op === OP_SEND ? 'SEND' : 'SENDMSG'} ${why}`;
  }
  return null;
}

const describe = (errno: number) => `${errnoName(errno)}, ${errnoMessage(errno)}`;

function tried(ring: Ring, native: Native, tag: number, op: number): string | null {
  const pair = new Int32Array(2);
  const made = native.socketPair(pair);
  if (made < 0) return `could not be tried: ${describe(-made)}`;
  const attempt = new Attempt(ring, tag, op, pair[0]!);
  try {
    const whole = attempt.send(1, 2);
    if (whole !== undefined) return `tells of what goes whole: ${whole}`;
    const part = attempt.send(2, TOO_MUCH);
    if (part === undefined || part <= 0 || part >= TOO_MUCH)
      return `does not tell what goes in part: ${part}`;
    const none = attempt.send(3, 2);
    return none === -EAGAIN ? null : `does not tell that there is no room: ${none}`;
  } finally {
    for (const descriptor of pair) ring.next(OP_CLOSE | (SQE_CQE_SKIP_SUCCESS << 8), descriptor, tag, 0, 0);
    ring.submit();
  }
}

/** Sends on a socket as the driver does: SEND from one piece of memory, SENDMSG from two. */
class Attempt {
  readonly #ring: Ring;
  readonly #tag: number;
  readonly #op: number;
  readonly #descriptor: number;
  readonly #bytes = new Uint8Array(TOO_MUCH);
  readonly #vectors = new BigUint64Array(4);
  readonly #message = new BigUint64Array(MESSAGE_SIZE);

  constructor(ring: Ring, tag: number, op: number, descriptor: number) {
    this.#ring = ring;
    this.#tag = tag;
    this.#op = op;
    this.#descriptor = descriptor;
    this.#message[M_VECTORS] = BigInt(ring.addressOf(this.#vectors));
    this.#message[M_COUNT] = 2n;
  }

  /** The result; undefined: there is none. */
  send(id: number, length: number): number | undefined {
    const ring = this.#ring;
    const isMessage = this.#op === OP_SENDMSG;
    const at = ring.addressOf(this.#bytes);
    const half = length / 2;
    this.#vectors.set([BigInt(at), BigInt(half), BigInt(at + half), BigInt(half)]);
    const address = isMessage ? ring.addressOf(this.#message) : at;
    const head = this.#op | (SQE_CQE_SKIP_SUCCESS << 8);
    const base = ring.next(head, this.#descriptor, this.#tag, id, 0);
    const { sqes } = ring;
    sqes[base + Q_ADDRESS] = address | 0;
    sqes[base + Q_ADDRESS_HIGH] = highWord(address);
    sqes[base + Q_LENGTH] = isMessage ? 1 : length;
    sqes[base + Q_OP_FLAGS] = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
    ring.collect();
    return ring.take(this.#tag, id, 0)?.result;
  }
}
