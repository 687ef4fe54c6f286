import type { SocketOption } from '../../driver.ts';
import { candidates, loadFile, thisHost } from '../native-file.ts';
import { LAYOUT_VERSION } from './layout.ts';

/**
 * The native part: system calls by slot. Counts and slots come back as they are, failures as negated errnos.
 * One instance an environment; `start` is called once.
 */
export interface Native {
  readonly layoutVersion: number;
  start(words: ArrayBuffer, slab: ArrayBuffer, onBatch: () => void): void;
  collect(set: number): void;
  sets(count: number): number;
  reference(): void;

  listen(
    host: string,
    port: number,
    backlog: number,
    reusePort: number,
    ipv6Only: number,
    multipath: number,
  ): number;
  connect(host: string, port: number, multipath: number, localHost?: string, localPort?: number): number;
  accept(slot: number): number;
  receive(slot: number, offset: number, size: number): number;
  receiveInto(slot: number, p: Uint8Array, from: number, to: number): number;
  peek(slot: number): number;
  send(slot: number, p: Uint8Array, from: number, to: number): number;
  splice(from: number, to: number, channel: number, most: number, bulk: number): number;
  endSplice(channel: number): void;
  trimPipes(): void;
  /** The descriptor stays the caller's: see `Driver.borrowPipe`. */
  borrowPipe(descriptor: number): number;
  /**
   * Calls `take` with the two ends of a new pipe, which are closed when it returns: it opens them again. 0 or a negated
   * errno: then it is not called. What it throws is thrown.
   */
  openPipe(take: (reader: number, writer: number) => void): number;
  sendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number;
  flushSlot(slot: number): number;
  shutdown(slot: number, how: number): number;
  assign(slot: number, set: number): number;
  retry(slot: number): void;
  close(slot: number): number;
  /** Two connected descriptors, which are the caller's. */
  socketPair(out: Int32Array): number;
  socketError(slot: number): number;
  /** Connections that are opened from now on have `F_RING`, and are in no epoll set. */
  ringConnections(): void;
  watchRoom(slot: number): number;
  setOption(slot: number, option: number, value: number, second?: number): number;
  getOption(slot: number, option: number): number;
  localAddress(slot: number): string | null;
  remoteAddress(slot: number): string | null;

  /** The bytes of a `struct tcp_info`, as many as there are. */
  tcpInfo(slot: number, out: Uint8Array): number;
  isMultipath(slot: number): number;

  // Unix sockets that carry connections; names as in unix-driver.ts

  listenUnix(name: string, packets: number, backlog: number, mode: number): number;
  connectUnix(name: string, packets: number, local?: string): number;
  unixName(slot: number, remote: number): string | null;
  isPackets(slot: number): number;
  peerCredentials(slot: number, out: Uint32Array): number;
  adoptListener(descriptor: number): number;

  // Descriptors that change threads: native/lease.c

  leases(table: Int32Array): number;
  lease(slot: number): number;
  adopt(table: Int32Array, row: number, state: number, packets: boolean): number;
  expire(row: number, state: number): number;

  // Exact instants: native/alarm.c

  /** Calls `onDue` when `due[0]` has come, milliseconds of `alarmClock`; or a negated errno. See `Driver.alarm`. */
  alarmOpen(due: Float64Array, close: number, onDue: () => void): unknown;
  alarmClose(alarm: unknown): void;
  alarmClock(): number;

  // io_uring: native/uring.c

  /** `params` are filled in. `onBatch` is called while there are completions. */
  uringOpen(entries: number, params: Uint32Array, onBatch: () => void): OpenedRing | number;
  /** How many were submitted, or a negated errno. */
  uringEnter(ring: unknown, wait: number): number;
  uringRegister(ring: unknown, opcode: number, argument: NodeJS.TypedArray | null, count: number): number;
  /** See `Ring.sendChains`: its completions have `tag`. The driver has been started. */
  uringSends(ring: unknown, tag: number, least: number): number;
  uringReference(ring: unknown, on: boolean): void;
  uringClose(ring: unknown): void;
  /** Where the memory of `p` lies. */
  addressOf(p: NodeJS.TypedArray): number;

  // Datagram sockets: entries and their addresses are in the two blocks that `startDatagrams` was given.

  startDatagrams(
    inWords: ArrayBuffer,
    inData: ArrayBuffer,
    outWords: ArrayBuffer,
    outData: ArrayBuffer,
    capacity: number,
    placeSize: number,
  ): number;
  openDatagram(family: number, flags: number, mode: number): number;
  receiveDatagrams(slot: number, most: number): number;
  takeDatagramError(slot: number): number;
  sendDatagram(slot: number, p: Uint8Array, named: number): number;
  sendDatagrams(slot: number, count: number): number;
  setDatagramOption(slot: number, option: number, value: number): number;
  setMembership(slot: number, join: number, index: number): number;
  datagramAddress(slot: number, remote: number): number;

  /** Locks a file, by its descriptor, for as long as that is open: 0 or a negated errno. */
  lock(fd: number): number;
  /**
   * A thread that takes one batch at a time, for as long as this thread lives. `done` is called when `outcome`, two
   * float64, has the count or a negated errno, and 0 or the negated errno of the disk, -ECANCELED where it was not
   * asked. Undefined when there is no memory, or no thread.
   */
  carrier(outcome: ArrayBuffer, done: () => void): unknown;
  /**
   * Writes `buffers` in one call (1024 of them at most), and where `syncs` makes the disk have that, if it was all;
   * `position` -1: where the descriptor stands, or appended. The caller keeps `buffers` until `done` is called. 0, or
   * a negated errno: then it is not called.
   */
  carry(
    carrier: unknown,
    fd: number,
    buffers: readonly Uint8Array[],
    position: number,
    syncs: boolean,
  ): number;
  /** Blocks until it carries nothing any more. */
  awaitCarried(carrier: unknown): void;
  /**
   * Copies at most `length` bytes between two files, on a thread. Descriptors must stay open until `done` is called,
   * with the count or a negated errno. 0, or a negated errno: then it is not called.
   */
  copyRange(
    from: number,
    fromOffset: number,
    to: number,
    toOffset: number,
    length: number,
    done: (result: number) => void,
  ): number;
  /**
   * Reads into `p`, from index `from` on, what the kernel has in memory of the `length` bytes of a file at `offset`:
   * the count, 0 at the end, -EAGAIN where a disk would have to be waited for, or another negated errno.
   */
  readCached(fd: number, p: Uint8Array, from: number, length: number, offset: number): number;
  /**
   * Makes a regular file, by its descriptor, one whose operations wait as long as they must (no O_NONBLOCK): 1. 0: it
   * is no regular file, and left alone. Or a negated errno.
   */
  makePatient(fd: number): number;
  /** Closes, when this thread's environment ends, the descriptors whose bits are set then. */
  closeAtEnd(bits: Uint8Array): void;
  /** See `Driver.sendFile`. */
  sendFile(
    slot: number,
    file: number,
    offset: number,
    length: number,
    done: (count: number, errno: number) => void,
  ): number;
}

/** A ring with the kernel's memory: `rings` and `sqes` stay readable when it is closed. */
export interface OpenedRing {
  readonly ring: unknown;
  readonly rings: ArrayBuffer;
  readonly sqes: ArrayBuffer;
}

/** What the native part calls each option: its place in this list. */
export const SOCKET_OPTIONS: readonly SocketOption[] = [
  'noDelay',
  'keepAlive',
  'keepAliveIdle',
  'keepAliveInterval',
  'keepAliveCount',
  'linger',
  'readBuffer',
  'writeBuffer',
  'trafficClass4',
  'trafficClass6',
  'userTimeout',
  'fastOpen',
];

/** The native part and the file it came from, or why there is none. */
export type LoadedNative = { readonly native: Native; readonly file: string } | { readonly why: string };

/**
 * Loads the native part from our own package folder or the package of this platform, never from the working
 * directory. The first file that can be had wins; where none can, `why` says it of each.
 */
export function findNative(): LoadedNative {
  if (process.platform !== 'linux') return { why: `epoll needs Linux, this is ${process.platform}` };
  const host = thisHost();
  const reasons: string[] = [];
  for (const candidate of candidates(host)) {
    if (typeof candidate !== 'string') {
      reasons.push(candidate.missing);
      continue;
    }
    const loaded = loadFile(candidate, host);
    if ('why' in loaded) {
      reasons.push(loaded.why);
      continue;
    }
    const native = loaded.module as Native | null | undefined;
    const version: unknown = native?.layoutVersion;
    if (native !== null && native !== undefined && version === LAYOUT_VERSION) {
      return { native, file: candidate };
    }
    reasons.push(
      typeof version === 'number'
        ? `${candidate} was built for another version of gopark (layout ${version}, not ${LAYOUT_VERSION})`
        : `${candidate} is no native part of gopark`,
    );
  }
  return { why: reasons.join('; ') };
}

/** The same for those who can do nothing without it: throws where there is none. */
export function loadNative(): Native {
  const found = findNative();
  if ('why' in found) throw new Error(`the native part cannot be loaded: ${found.why}`);
  return found.native;
}
