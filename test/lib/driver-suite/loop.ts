import assert from 'node:assert/strict';
import { OP_RECV } from '#dist/poll/driver.js';
import { pattern } from '../bytes.ts';
import { streamBytes } from '../stream.ts';
import { until } from '../waiting.ts';
import type { Rig } from './rig.ts';
import type { Rows } from './subject.ts';

/** Waits until immediates and timers have had their turn many times beside `busy`, which `stop` ends. */
async function othersHaveTheirTurn(busy: () => number): Promise<void> {
  let immediates = 0;
  let ticks = 0;
  let running = true;
  const count = () => {
    immediates++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const interval = setInterval(() => ticks++, 1);
  try {
    await until(() => immediates >= 50 && ticks >= 10 && busy() > 1000, 'turns for everybody', 20_000);
  } finally {
    running = false;
    clearInterval(interval);
  }
}

/** What comes at `slot` goes back. Each round trip is counted. */
function pingPong(rig: Rig, pairs: readonly [number, number][], size: number): () => number {
  let trips = 0;
  rig.onComplete = ({ op, slot, result, bytes, more }) => {
    if (op !== OP_RECV || result <= 0) return;
    trips++;
    rig.send(slot, bytes);
    if (!more) rig.driver.recv(slot, size);
  };
  for (const [a, b] of pairs) {
    rig.driver.recv(a, size);
    rig.driver.recv(b, size);
    rig.send(a, pattern(size));
  }
  return () => trips;
}

export const loop: Rows = (row) => {
  row('a herd that is always ready does not keep timers and immediates waiting', [], async (rig) => {
    const pairs: [number, number][] = [];
    const most = rig.has('sockets') ? 80 : 20;
    for (let i = 0; i < most; i++) pairs.push(await rig.pair());
    await othersHaveTheirTurn(pingPong(rig, pairs, 100));
  });

  row('one connection that never stops does not either', [], async (rig) => {
    await othersHaveTheirTurn(pingPong(rig, [await rig.pair()], 10_000));
  });

  row('each of a herd gets its turn', [], async (rig) => {
    const pairs: [number, number][] = [];
    for (let i = 0; i < 20; i++) pairs.push(await rig.pair());
    const trips = new Map<number, number>();
    pingPong(rig, pairs, 50);
    const { onComplete } = rig;
    rig.onComplete = (completion) => {
      if (completion.op === OP_RECV) trips.set(completion.slot, (trips.get(completion.slot) ?? 0) + 1);
      onComplete!(completion);
    };
    await until(
      () => [...trips.values()].filter((count) => count >= 20).length === 40,
      'turns for all',
      20_000,
    );
  });

  row('a round is announced before its completions', ['sockets'], async (rig) => {
    const [a, b] = await rig.pair();
    const rounds = rig.rounds;
    const received = rig.receive(b, 100);
    // Long enough for the receive to be parked.
    await new Promise((resolve) => setTimeout(resolve, 10));
    rig.send(a, streamBytes(1, 0, 100));
    await received;
    assert.ok(rig.rounds > rounds);
  });
};
