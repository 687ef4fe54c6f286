import type { TestContext } from 'node:test';
import type { StreamConn, TCPConn } from 'gopark/net';
import type { Driver } from '#dist/poll/driver.js';
import { openDescriptors } from '../../lib/descriptors.ts';
import { driverOf, fdOf } from '../../lib/inside.ts';
import { tcpPair, withPair } from '../../lib/pair.ts';
import { turns } from '../../lib/waiting.ts';

/** More than any pair of socket buffers over loopback holds. */
export const LARGE = 24 << 20;

/** A proxy's two connections and their peers: what `a` writes is copied from `source` to `target`, and `b` reads it. */
export interface Chain {
  readonly a: TCPConn;
  readonly source: TCPConn;
  readonly target: TCPConn;
  readonly b: TCPConn;
}

export function withChain(use: (chain: Chain) => Promise<void>): Promise<void> {
  return withPair(tcpPair, ({ a, b: source }) =>
    withPair(tcpPair, ({ a: target, b }) => use({ a, source, target, b })),
  );
}

export const splices = (conn: StreamConn): boolean => driverOf(conn).capabilities.has('splice');
/** Ends of pipes that this process has open. */
export const pipes = (): number => openDescriptors().filter((entry) => entry.includes('pipe:')).length;

type TrySplice = NonNullable<Driver['trySplice']>;

/** Puts `fake` between the copies and the driver. */
export function mockSplice(
  t: TestContext,
  conn: StreamConn,
  fake: (real: TrySplice, ...args: Parameters<TrySplice>) => ReturnType<TrySplice>,
) {
  const driver = driverOf(conn);
  const real = driver.trySplice!.bind(driver);
  const mocked: TrySplice = (...args) => fake(real, ...args);
  return t.mock.method(driver as Required<Driver>, 'trySplice', mocked).mock;
}

/** Writes until the copy is stuck: nobody reads at the far end, and all buffers are full. */
export async function stuff(a: TCPConn, target: TCPConn, bytes: Uint8Array): Promise<void> {
  a.write(bytes).catch(() => {});
  for (let stuck = 0; stuck < 50; ) {
    await turns(1);
    stuck = fdOf(target).writer.head === null ? 0 : stuck + 1;
  }
}
