import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { SocketOption } from '../../driver.ts';
import { LAYOUT_VERSION } from './layout.ts';

/**
 * The native part: system calls by slot. Counts and slots come back as they are, failures as negated errnos.
 * One instance an environment; `start` is called once.
 */
export interface Native {
  readonly layoutVersion: number;
  start(words: ArrayBuffer, slab: ArrayBuffer, onBatch: () => void): void;
  collect(): void;
  reference(): void;

  listen(host: string, port: number, backlog: number, reusePort: number, ipv6Only: number): number;
  connect(host: string, port: number, localHost?: string, localPort?: number): number;
  accept(slot: number): number;
  receive(slot: number, offset: number, size: number): number;
  receiveInto(slot: number, p: Uint8Array, from: number, to: number): number;
  peek(slot: number): number;
  send(slot: number, p: Uint8Array, from: number, to: number): number;
  flushSlot(slot: number): number;
  shutdown(slot: number, how: number): number;
  close(slot: number): number;
  setOption(slot: number, option: number, value: number, second?: number): number;
  getOption(slot: number, option: number): number;
  localAddress(slot: number): string | null;
  remoteAddress(slot: number): string | null;
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
];

/** Loads the native part from our own package folder, never from the working directory. Throws where it cannot. */
export function loadNative(): Native {
  if (process.platform !== 'linux') throw new Error(`epoll needs Linux, this is ${process.platform}`);
  const path = fileURLToPath(new URL('../../../../native/build/gopark.node', import.meta.url));
  const native = createRequire(import.meta.url)(path) as Native;
  if (native.layoutVersion !== LAYOUT_VERSION) {
    throw new Error(`${path} was built for another version of gopark: run its build again`);
  }
  return native;
}
