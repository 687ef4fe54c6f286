import type { RawAddress } from '../datagram-driver.ts';
import type { Op } from '../driver.ts';
import type { Failure } from '../errno.ts';

/** Whose an accepted slot is from now on. */
export interface SlotTaker {
  /** Makes a connection of an accepted slot. */
  accepted(slot: number): unknown;
}

/** What an FD asks of the connection or listener above it. */
export interface FDOwner extends SlotTaker {
  /** The error of a failed operation, with network and addresses. */
  error(op: string, failure: Failure, counts?: Counts): Error;
  /** What an aborted write rejects with: the signal's reason, unless bytes have gone already. */
  aborted(reason: unknown, bytesWritten: number): unknown;
  /** What an interest `stream` brought, or `OP_FETCH`. */
  streamed?(op: Op, result: number, offset: number): void;
  /** The kernel refused what was outbound for good. */
  broken?(errno: number): void;
}

/** How far a failed operation got. */
export interface Counts {
  readonly bytesWritten?: number;
  readonly bytesUnsent?: number;
  readonly datagramsSent?: number;
  /** Whom the datagram that failed was for, where the socket has no peer of its own. */
  readonly destination?: RawAddress | null;
}
