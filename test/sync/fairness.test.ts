import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChild } from '../lib/child.ts';
import { type Figures, hogs } from './hogs.ts';

/** In a process of its own: under node:test async hooks run for every promise, and a slice is full of them. */
async function besides(title: string): Promise<Figures> {
  const ended = await runChild(
    `import { besides, hogs } from './build/test/sync/hogs.js';
    console.log(JSON.stringify(await besides(hogs[${JSON.stringify(title)}])));`,
  );
  assert.equal(ended.code, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}

describe('fairness of channels and locks', () => {
  for (const title of Object.keys(hogs)) {
    test(`I-14 ${title}: beside it a TCP echo's p99 stays below 25 ms, and a Node timer ticks`, async (t) => {
      // A collection of garbage may spoil a measurement; who starves fails all of them.
      const all: string[] = [];
      for (let attempt = 0; attempt < 6; attempt++) {
        const { p99, ticks, ran, roundTrips } = await besides(title);
        const figures = `p99 ${p99.toFixed(1)} ms of ${roundTrips} round trips, ${ticks} ticks in ${ran.toFixed(0)} ms of a processor`;
        t.diagnostic(figures);
        if (p99 < 25 && ticks >= ran / 50) return;
        all.push(figures);
      }
      assert.fail(all.join('; '));
    });
  }
});
