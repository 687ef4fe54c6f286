import { describe, test } from 'node:test';
import type { Conn } from 'gopark/net';
import { closing } from './conn-suite/closing.ts';
import { deadlines } from './conn-suite/deadlines.ts';
import { nettest } from './conn-suite/nettest.ts';
import { reading } from './conn-suite/reading.ts';
import type { ConnCapability, Row } from './conn-suite/row.ts';
import { signals } from './conn-suite/signals.ts';
import { writing } from './conn-suite/writing.ts';
import { type MakePair, withPair } from './pair.ts';

export type { ConnCapability };

/** The behaviour that every stream connection has, whatever carries its bytes. */
export function connSuite<C extends Conn>(
  name: string,
  makePair: MakePair<C>,
  capabilities: ReadonlySet<ConnCapability>,
): void {
  const row: Row = (title, run, needs = []) => {
    const missing = needs.find((capability) => !capabilities.has(capability));
    test(title, { timeout: 20_000, skip: missing ? `needs ${missing}` : false }, () =>
      withPair(makePair, ({ a, b }) => run(a, b)),
    );
  };
  describe(`${name}: x/net nettest`, () => nettest(row));
  describe(`${name}: reading`, () => reading(row));
  describe(`${name}: deadlines`, () => deadlines(row));
  describe(`${name}: signals`, () => signals(row));
  describe(`${name}: writing`, () => writing(row));
  describe(`${name}: closing`, () => closing(row));
}
