import { EAGAIN } from '../../errno.ts';
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
 * From now on the chains of a round go to the kernel together, as submissions (native/uring-send.c). False: this kernel
 * does not answer them as that needs it, and nothing has changed.
 */
export function sendByRing(ring: Ring, native: Native): boolean {
  if (!ring.supports(OP_SENDMSG)) return false;
  const tag = ring.join({ completed: () => {} });
  return answersAsNeeded(ring, native, tag) && ring.sendChains(tag, LEAST) === 0;
}

/** What goes whole is silent, what goes in part tells how much, and what does not go says so instead of waiting. */
function answersAsNeeded(ring: Ring, native: Native, tag: number): boolean {
  const pair = new Int32Array(2);
  if (native.socketPair(pair) < 0) return false;
  const p = new Uint8Array(TOO_MUCH);
  const address = ring.addressOf(p);
  /** The result; undefined: there is none. */
  const send = (id: number, length: number) => {
    const base = ring.next(OP_SEND | (SQE_CQE_SKIP_SUCCESS << 8), pair[0]!, tag, id, 1);
    const { sqes } = ring;
    sqes[base + Q_ADDRESS] = address | 0;
    sqes[base + Q_ADDRESS_HIGH] = highWord(address);
    sqes[base + Q_LENGTH] = length;
    sqes[base + Q_OP_FLAGS] = MSG_NOSIGNAL | MSG_DONTWAIT | MSG_WAITALL;
    ring.collect();
    return ring.take(tag, id, 1)?.result;
  };
  try {
    if (send(1, 1) !== undefined) return false;
    const part = send(2, TOO_MUCH);
    return part !== undefined && part > 0 && part < TOO_MUCH && send(3, 1) === -EAGAIN;
  } finally {
    for (const descriptor of pair) ring.next(OP_CLOSE, descriptor, tag, 0, 1);
    ring.submit();
  }
}
