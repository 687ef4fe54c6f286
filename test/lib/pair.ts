import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Conn,
  dial,
  listen,
  type TCPConn,
  type TCPOptions,
  type UnixConn,
  type UnixNetwork,
} from 'gopark/net';

/** Two ends of one connection. */
export interface Pair<C extends Conn = Conn> {
  readonly a: C;
  readonly b: C;
}

export type MakePair<C extends Conn = Conn> = (options?: TCPOptions) => Promise<Pair<C>>;

/** Connected pairs over loopback: `a` dialled, `b` was accepted. */
export function tcpPairs(network: 'tcp4' | 'tcp6'): MakePair<TCPConn> {
  const host = network === 'tcp4' ? '127.0.0.1' : '[::1]';
  return async (options = {}) => {
    const listener = await listen(network, `${host}:0`, options);
    try {
      const [a, b] = await Promise.all([
        dial(network, String(listener.addr), { ...options, timeout: 10_000 }),
        listener.accept(),
      ]);
      return { a, b };
    } finally {
      await listener.close();
    }
  };
}

export const tcpPair: MakePair<TCPConn> = tcpPairs('tcp4');

/** A path for a Unix socket that nobody else has. */
export function socketPath(): string {
  return join(tmpdir(), `gopark-${randomUUID().slice(0, 13)}`);
}

/** Connected pairs over a path: `a` dialled, `b` was accepted. */
export function unixPairs(network: UnixNetwork): MakePair<UnixConn> {
  return async (options = {}) => {
    const path = socketPath();
    const listener = await listen(network, path, options);
    try {
      const [a, b] = await Promise.all([dial(network, path, options), listener.accept()]);
      return { a, b };
    } finally {
      await listener.close();
      await rm(path, { force: true });
    }
  };
}

const WATCHDOG = 15_000;

/** Runs `use` with a fresh pair and closes both ends, whatever happens. */
export async function withPair<C extends Conn>(
  makePair: MakePair<C>,
  use: (pair: Pair<C>) => Promise<void>,
  options?: TCPOptions,
): Promise<void> {
  const pair = await makePair(options);
  // A test that hangs must not keep its file waiting.
  const watchdog = setTimeout(() => {
    pair.a.closeNow();
    pair.b.closeNow();
  }, WATCHDOG).unref();
  try {
    await use(pair);
  } finally {
    clearTimeout(watchdog);
    pair.a.closeNow();
    pair.b.closeNow();
  }
}
