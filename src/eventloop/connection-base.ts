import type { LinkBuffer } from '../linkbuffer/index.ts';
import type { Addr } from '../net/addr.ts';
import { OpError, operationError } from '../net/errors.ts';
import type { Counts, Failure } from '../poll/index.ts';
import { completionError, FAILED_CLOSED, FAILED_MOVED, FD } from '../poll/index.ts';
import { turnNow } from '../runtime/turns.ts';
import {
  BROKEN,
  ENDED,
  FULL,
  LARGEST_SHARED,
  MOVED,
  PAUSED,
  POLLER_SHIFT,
  SHUT,
  SIZE_BITS,
  SIZE_SHIFT,
  SMALLEST_READ,
} from './flags.ts';
import type { ConnectionCallback, Host } from './host.ts';
import { LinkFaces } from './link-faces.ts';
import { Rare } from './rare.ts';
import { OPENING, type Phase } from './states.ts';

/**
 * What all parts of a connection share. It is one object, in parts: this, receiving.ts, sending.ts, timing.ts, closing.ts,
 * moving.ts and, when its callbacks run, connection.ts.
 */
export abstract class ConnectionBase extends LinkFaces {
  /** Whatever the program keeps for this connection. */
  context: unknown = undefined;
  /** @internal */
  readonly host: Host;
  /** @internal */
  readonly fd: FD;
  protected phase: Phase = OPENING;
  protected flags = 0;
  protected input: LinkBuffer | null = null;
  protected output: LinkBuffer | null = null;
  protected rare: Rare | null = null;

  /** @internal */
  constructor(host: Host, slot: number) {
    super();
    this.host = host;
    this.fd = new FD(host.poller, slot, this);
    if (host.family.settings.strict) this.fd.setStrict();
    const poller = host.balance.pick();
    this.flags = poller << POLLER_SHIFT;
    if (poller > 0) host.poller.driver.assign(slot, poller);
    host.poller.driver.hold();
  }

  protected get some(): Rare {
    this.rare ??= new Rare();
    return this.rare;
  }

  /** Whether bytes can still be sent: it was not closed here, and it has not broken. True after a half close by the peer. */
  get isActive(): boolean {
    return (this.flags & (SHUT | BROKEN)) === 0;
  }

  /** Whether the peer has ended its stream, or the connection has broken: nothing more will arrive. */
  get ended(): boolean {
    return (this.flags & ENDED) !== 0;
  }

  /** How many flushed bytes wait for the peer to read; 0: the next flush need not wait. */
  get unsentLength(): number {
    return this.output?.len ?? 0;
  }

  /** Something has changed that may be worth a call of the handler, or the end. */
  protected abstract kick(): void;
  /** The peer has gone: `onDisconnect` is due. */
  protected abstract tellDisconnect(): void;
  protected abstract handler(): ConnectionCallback | null;
  abstract closeNow(): void;

  protected failed(error: unknown): void {
    const rare = this.some;
    if (rare.broke === 0) rare.reason ??= error;
  }

  /** Why nothing more can be read: null, or an error. Made for who asks: most connections that a peer resets end unasked. */
  protected ending(): unknown {
    const { rare } = this;
    if (rare === null || rare.broke === 0) return null;
    rare.ending ??= completionError(this, 'read', rare.broke);
    return rare.ending;
  }

  /** The event loop closes the connection for this: `runtime.onError` is told, once. */
  protected abstract condemn(error: unknown): void;

  /** @internal Something happens here: the idle time begins anew. */
  touch(): void {
    const { idleTimeout } = this.host.limits;
    if (idleTimeout > 0) this.host.poller.deadlines[2 * this.fd.slot] = turnNow() + idleTimeout;
  }

  /** The one place that switches receiving on and off. */
  protected interest(): void {
    if (this.flags & SHUT) return;
    const off = this.flags & (PAUSED | FULL | ENDED);
    const size = this.readSize;
    const { driver } = this.host.poller;
    const fetched = size > SMALLEST_READ << LARGEST_SHARED;
    driver.stream(this.fd.slot, off ? 0 : fetched ? -1 : size);
  }

  protected get readSize(): number {
    return SMALLEST_READ << ((this.flags & SIZE_BITS) >> SIZE_SHIFT);
  }

  // Addresses are kept only where there is a place for them: who looks once need not pay as long as it is open.

  get localAddr(): Addr {
    const kept = this.rare?.localAddr ?? null;
    if (kept !== null) return kept;
    const addr = this.host.family.localAddr(this.host.poller, this.fd.slot);
    if (this.rare !== null) this.rare.localAddr = addr;
    return addr;
  }

  get remoteAddr(): Addr {
    const kept = this.rare?.remoteAddr ?? null;
    if (kept !== null && typeof kept !== 'number') return kept;
    const { family, poller } = this.host;
    const addr = kept === null ? family.remoteAddr(poller, this.fd.slot) : family.peerAddr!(kept);
    if (this.rare !== null) this.rare.remoteAddr = addr;
    return addr;
  }

  protected details(op: string) {
    return { op, net: this.host.family.network, source: this.localAddr, addr: this.remoteAddr };
  }

  /** Why a call comes too late. */
  protected gone(op: string): OpError {
    return this.error(op, this.flags & MOVED ? FAILED_MOVED : FAILED_CLOSED);
  }

  /** @internal */
  error(op: string, failure: Failure, counts?: Counts): OpError {
    return operationError(failure, this.details(op), counts);
  }

  /** @internal */
  aborted(reason: unknown, bytesWritten: number): unknown {
    if (bytesWritten === 0) return reason;
    return new OpError('ERR_ABORTED', 'aborted', { ...this.details('write'), cause: reason, bytesWritten });
  }

  /** @internal */
  accepted(): never {
    throw new Error('a connection accepts nothing');
  }
}
