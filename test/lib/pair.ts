import { type Conn, dial, listen, type TCPConn, type TCPOptions } from 'gopark/net';

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
