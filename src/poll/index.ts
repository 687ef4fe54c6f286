import { registerLook } from '../runtime/deadlock.ts';
import { guard } from '../runtime/guard.ts';
import { registerWaits } from '../runtime/waits.ts';
import { chooseDriver } from './drivers/choose.ts';
import { Poller } from './poller.ts';

export {
  ADDRESS_SIZE,
  D_ADDRESS,
  D_FAMILY,
  D_PORT,
  D_SCOPE,
  D_SIZE,
  DatagramBlock,
  LONGEST_PATH,
} from './datagram-block.ts';
export type { DatagramOption, DatagramSocket, Membership, RawAddress } from './datagram-driver.ts';
export type {
  Capability,
  CompletionReceiver,
  ConnectSocketOptions,
  Driver,
  ListenSocketOptions,
  Op,
  SocketAddress,
  SocketOption,
} from './driver.ts';
export { askFor, type DriverChoice, DriverError, type DriverName, driverChoice } from './drivers/choice.ts';
export * from './errno.ts';
export { completionError } from './fd/completion-error.ts';
export { DatagramFD, type DatagramOwner } from './fd/datagram-fd.ts';
export { FD } from './fd/fd.ts';
export { type Moved, sharedClockOffset } from './fd/moved.ts';
export type { Counts, FDOwner, SlotTaker } from './fd/owner.ts';
export { formatIPv4, formatIPv6, parseIP } from './ip-words.ts';
export type { Lease } from './lease.ts';
export { Poller, type SlotOwner } from './poller.ts';
export type { Credentials, UnixDriver } from './unix-driver.ts';
export type { Message, Outgoing } from './waiters/datagram.ts';
export { type Limit, SpliceFailure, SpliceWaiter } from './waiters/splice.ts';
export {
  type FileSource,
  type PieceOutcome,
  type PieceSource,
  sendTo,
  TransferWaiter,
} from './waiters/transfer.ts';

export { scopeOf, zoneOf } from './zones.ts';

let poller: Poller | null = null;

/** The poller of this thread, started when it is first needed. */
export function threadPoller(): Poller {
  if (poller === null) {
    const own = new Poller(chooseDriver());
    guard();
    registerLook(() => own.driver.poll());
    registerWaits(() => own.waits());
    poller = own;
  }
  return poller;
}

/** The same, if anything has needed it yet: for who only looks. */
export function startedPoller(): Poller | null {
  return poller;
}
