import { resolvedVoid } from '../io/resolved.ts';
import type { Addr } from '../net/addr.ts';
import type { Connection } from './connection.ts';
import type { ConnectionCallback } from './host.ts';
import type { ReadTimer } from './read-timer.ts';

/** What few connections ever need: fields that the others do without. */
export class Rare {
  onRequest: ConnectionCallback | null = null;
  closeCallbacks: ((conn: Connection) => unknown)[] | null = null;
  localAddr: Addr | null = null;
  /** A number: what the family's `peerAddr` makes it of. */
  remoteAddr: Addr | number | null = null;
  /** The errno of the receive that broke it; 0: none did. */
  broke = 0;
  /** The error of that, once somebody has asked for it: see `ending`. */
  ending: unknown = null;
  /** Why the event loop closed it, where that was not `broke`. */
  reason: unknown = null;
  /** The reason that `runtime.onError` was told of by the event loop itself. */
  told: unknown = null;
  /** It waits for a goroutine of the pool. */
  onConnect: ConnectionCallback | null = null;
  readDeadline = 0;
  timer: ReadTimer | null = null;
  /** The last of those that read and wait; it never rejects. */
  reading: Promise<void> | null = null;
  /** Of the flush that is parked. */
  sent: Promise<void> = resolvedVoid;
  /** What still came while it was being detached, and the errno that ended that. */
  late: Uint8Array[] | null = null;
  lateFailure = 0;
  /** How much must be there before the handler is called. */
  expected = 0;
  /** Up to how much is received for the handler, above the mark. */
  allowed = 0;
}
