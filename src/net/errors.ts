import { IOError } from '../io/index.ts';
import {
  type Counts,
  errnoMessage,
  errnoName,
  FAILED_CLOSED,
  FAILED_DEADLINE,
  FAILED_DETACHED,
  FAILED_MOVED,
  FAILED_UNSENT,
  type Failure,
} from '../poll/index.ts';
import type { Addr } from './addr.ts';

/** What an OpError knows beside its reason. */
export interface OpDetails {
  op: string;
  net: string;
  source?: Addr | null | undefined;
  addr?: Addr | null | undefined;
  errno?: number | undefined;
  syscall?: string | undefined;
  cause?: unknown;
  bytesWritten?: number | undefined;
  bytesUnsent?: number | undefined;
  datagramsSent?: number | undefined;
}

/**
 * A failed network operation. Go: `net.OpError`.
 *
 * `code` is the system's name of the error (`ECONNREFUSED`) or one of ours (`ERR_CLOSED`, `ERR_DEADLINE_EXCEEDED`,
 * `ERR_UNSENT`, `ERR_BUFFER_DETACHED`, `ERR_DETACHED`).
 *
 * @example
 * ```ts
 * import { dial, OpError } from 'gopark/net';
 *
 * await dial('tcp', '127.0.0.1:1').catch((error) => {
 *   if (error instanceof OpError) console.log(error.op, error.code, String(error.addr)); // dial ECONNREFUSED 127.0.0.1:1
 * });
 * ```
 */
export class OpError extends IOError {
  /** 'dial', 'listen', 'accept', 'read', 'write', 'flush', 'close' or 'set'. */
  readonly op: string;
  /** The network as it was asked for. */
  readonly net: string;
  /** The local end, where one is known. */
  readonly source: Addr | null;
  /** The remote end; of a listener its own address. */
  readonly addr: Addr | null;
  // What is not known is not there at all, so that a printed error shows what says something.
  /** The system's number, negative as in Node's own errors. */
  declare readonly errno: number | undefined;
  declare readonly syscall: string | undefined;
  /** Of a failed write: how much of `p` the connection or the kernel has taken and will still send. */
  declare readonly bytesWritten: number | undefined;
  /** How many bytes that earlier writes had handed over never went. */
  declare readonly bytesUnsent: number | undefined;

  /** Of a failed `sendBatch`: how many of its datagrams the kernel has taken. */
  declare readonly datagramsSent: number | undefined;

  constructor(code: string, reason: string, details: OpDetails) {
    const { op, net, source = null, addr = null } = details;
    const ends =
      source !== null && addr !== null ? ` ${source}->${addr}` : ` ${addr ?? source ?? ''}`.trimEnd();
    super(code, `${op} ${net}${ends}: ${reason}`, 'cause' in details ? { cause: details.cause } : undefined);
    this.op = op;
    this.net = net;
    this.source = source;
    this.addr = addr;
    if (details.errno !== undefined) this.errno = details.errno;
    if (details.syscall !== undefined) this.syscall = details.syscall;
    if (details.bytesWritten !== undefined) this.bytesWritten = details.bytesWritten;
    if (details.bytesUnsent !== undefined) this.bytesUnsent = details.bytesUnsent;
    if (details.datagramsSent !== undefined) this.datagramsSent = details.datagramsSent;
  }

  /** Whether time ran out: a deadline of ours, or the kernel's patience with the peer. */
  override get timeout(): boolean {
    return this.code === 'ETIMEDOUT' || super.timeout;
  }
}

/**
 * A deadline has passed. The connection stays usable: set another one, and go on.
 *
 * @example
 * ```ts
 * import { DeadlineExceededError, listen } from 'gopark/net';
 *
 * await using listener = await listen('tcp', '127.0.0.1:0');
 * listener.setDeadline(new Date(Date.now() + 50));
 * await listener.accept().catch((error) => console.log(error instanceof DeadlineExceededError, error.timeout));
 * ```
 */
export class DeadlineExceededError extends OpError {
  constructor(details: OpDetails, reason = 'i/o timeout') {
    super('ERR_DEADLINE_EXCEEDED', reason, details);
  }

  override get timeout(): boolean {
    return true;
  }
}

/**
 * The connection or listener was closed by this side. Go: `net.ErrClosed`.
 *
 * @example
 * ```ts
 * import { go } from 'gopark';
 * import { ClosedError, listen } from 'gopark/net';
 *
 * const listener = await listen('tcp', '127.0.0.1:0');
 * go(() => listener.close());
 * await listener.accept().catch((error) => console.log(error instanceof ClosedError));
 * ```
 */
export class ClosedError extends OpError {
  constructor(details: OpDetails) {
    super('ERR_CLOSED', 'use of closed network connection', details);
  }
}

/**
 * The connection was detached: it belongs to whoever adopts it. What had been written before still goes out, and what
 * had not been read is the other's to read.
 *
 * @example
 * ```ts
 * import { adopt, DetachedError, dial } from 'gopark/net';
 *
 * const conn = await dial('tcp', 'example.com:80');
 * const detached = await conn.detach();
 * await conn.write(new Uint8Array(1)).catch((error) => console.log(error instanceof DetachedError));
 * await using again = adopt(detached);
 * ```
 */
export class DetachedError extends OpError {
  constructor(details: OpDetails) {
    super('ERR_DETACHED', 'use of a detached connection', details);
  }
}

/**
 * The running driver lacks a feature.
 *
 * @example
 * ```ts
 * import { dial, UnsupportedError } from 'gopark/net';
 *
 * await using conn = await dial('tcp', 'example.com:80');
 * try {
 *   console.log(conn.info().rtt);
 * } catch (error) {
 *   if (!(error instanceof UnsupportedError)) throw error;
 *   console.log(`${error.driver} lacks ${error.feature}`);
 * }
 * ```
 */
export class UnsupportedError extends IOError {
  readonly driver: string;
  readonly feature: string;

  constructor(driver: string, feature: string) {
    super('ERR_UNSUPPORTED', `the ${driver} driver does not support ${feature}`);
    this.driver = driver;
    this.feature = feature;
  }
}

/**
 * A text that should be an address and is none.
 *
 * @example
 * ```ts
 * import { AddrError, splitHostPort } from 'gopark/net';
 *
 * try {
 *   splitHostPort('example.com');
 * } catch (error) {
 *   if (error instanceof AddrError) console.log(error.message);
 * }
 * ```
 */
export class AddrError extends IOError {
  readonly addr: string;

  constructor(reason: string, addr: string) {
    super('ERR_ADDRESS', `address ${JSON.stringify(addr)}: ${reason}`);
    this.addr = addr;
  }
}

/**
 * No address of a host answered. `errors` holds one error for each address that was tried, in the order of the
 * tries; `code` and `cause` are those of the first. The message names them all.
 *
 * @example
 * ```ts
 * import { DialError, dial } from 'gopark/net';
 *
 * await dial('tcp', 'localhost:1').catch((error) => {
 *   if (error instanceof DialError) for (const each of error.errors) console.log(String(each.addr), each.code);
 * });
 * ```
 */
export class DialError extends OpError {
  readonly errors: readonly OpError[];

  constructor(errors: readonly OpError[], details: OpDetails) {
    const [first] = errors;
    super(first!.code, `no address answered: ${listed(errors)}`, {
      ...details,
      cause: first,
      ...(first!.errno === undefined ? {} : { errno: first!.errno }),
      ...(first!.syscall === undefined ? {} : { syscall: first!.syscall }),
    });
    this.errors = errors;
  }
}

/** Errors of several addresses in one line. */
export function listed(errors: readonly OpError[]): string {
  return errors
    .map(({ addr, code, message }) => `${addr} ${message.split(': ').at(-1)} (${code})`)
    .join(', ');
}

const TEMPORARY: ReadonlySet<string> = new Set(['EAI_AGAIN', 'ETIMEOUT', 'ESERVFAIL', 'ECONNREFUSED']);

/** In words, where the resolvers have none. */
const LOOKUP_REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host',
  ENONAME: 'no such host',
  ENODATA: 'no such record',
  EAI_AGAIN: 'temporary failure, try again',
  ETIMEOUT: 'no answer in time',
  ESERVFAIL: 'the server failed',
  EREFUSED: 'the server refused',
  ECONNREFUSED: 'no server answers',
};

function reasonOf(code: string): string {
  const words = LOOKUP_REASONS[code];
  return words === undefined ? code : `${words} (${code})`;
}

/**
 * A name that could not be resolved. `code` is the resolver's: `ENOTFOUND`, `EAI_AGAIN`, `ETIMEOUT` for instance.
 * Go: `net.DNSError`.
 *
 * @example
 * ```ts
 * import { DNSError, lookupHost } from 'gopark/net';
 *
 * await lookupHost('no-such-host.invalid').catch((error) => {
 *   if (error instanceof DNSError) console.log(error.hostname, error.isNotFound);
 * });
 * ```
 */
export class DNSError extends IOError {
  /** The name, or the address, that was looked up. */
  readonly hostname: string;

  constructor(hostname: string, code: string, cause: unknown) {
    super(
      code,
      `lookup ${JSON.stringify(hostname)}: ${reasonOf(code)}`,
      cause === undefined ? undefined : { cause },
    );
    this.hostname = hostname;
  }

  /** Whether there is no such name, or none with what was asked for. */
  get isNotFound(): boolean {
    return this.code === 'ENOTFOUND' || this.code === 'ENODATA' || this.code === 'ENONAME';
  }

  /** Whether the same question may well be answered later. */
  get isTemporary(): boolean {
    return TEMPORARY.has(this.code);
  }

  /** Whether no server answered in time. */
  override get timeout(): boolean {
    return this.code === 'ETIMEOUT' || super.timeout;
  }
}

/** Names of the system calls behind the operations, as Node's errors carry them. */
const SYSCALLS: Readonly<Record<string, string>> = {
  dial: 'connect',
  listen: 'listen',
  accept: 'accept4',
  read: 'recv',
  write: 'send',
  flush: 'send',
  close: 'shutdown',
  set: 'setsockopt',
};

const NO_COUNTS: Counts = {};

/** The error for what the poller reports. */
export function operationError(failure: Failure, details: OpDetails, counts: Counts = NO_COUNTS): OpError {
  // Written out: a literal with three spreads takes V8 four times as long as the error itself.
  const { op, net, source, addr, cause } = details;
  const { bytesWritten, bytesUnsent, datagramsSent } = counts;
  const all: OpDetails = {
    op,
    net,
    source,
    addr,
    errno: undefined,
    syscall: undefined,
    bytesWritten,
    bytesUnsent,
    datagramsSent,
  };
  if (cause !== undefined) all.cause = cause;
  switch (failure) {
    case FAILED_CLOSED:
      return new ClosedError(all);
    case FAILED_DEADLINE:
      return new DeadlineExceededError(all);
    case FAILED_UNSENT:
      return new OpError(
        'ERR_UNSENT',
        `${bytesUnsent} bytes could not be sent in time and were discarded`,
        all,
      );
    case FAILED_MOVED:
      return new DetachedError(all);
    case FAILED_DETACHED:
      return new OpError(
        'ERR_BUFFER_DETACHED',
        'the buffer was transferred or resized while the call waited',
        all,
      );
    default:
      all.errno = -failure;
      all.syscall = SYSCALLS[op];
      return new OpError(errnoName(failure), errnoMessage(failure), all);
  }
}

/** What a peer that has gone makes of `close`: no news for `await using`. */
const PEER_GONE = new Set(['ECONNRESET', 'EPIPE', 'ENOTCONN', 'ETIMEDOUT']);

export function peerHasGone(error: unknown): boolean {
  return error instanceof OpError && PEER_GONE.has(error.code);
}
