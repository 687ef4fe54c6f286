import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { dial, type TCPConn } from 'gopark/net';
import type { Server } from 'gopark/serve';
import { needs } from '../../lib/needs.ts';
import { eventually, started } from '../lib.ts';
import { OF_PROCS, SHUT, STANDING, WORDS, WORK } from './gate.ts';

const PROCS = 2;
const WANTED = 2000;
/** Both ends are in this process; the rest is for everything else. */
const SPARE = 200;
/**
 * So many may be served while a timer waits: what fits into the 10 ms after which a driver lets others have their turn,
 * and one batch that began just before. It is several times as much where nothing bounds a batch.
 */
const MOST_BETWEEN = 100;

function possible(t: TestContext): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  const count = Math.min(WANTED, Math.floor((limit - SPARE) / 2));
  if (count < WANTED)
    t.diagnostic(
      `only ${count} connections instead of ${WANTED}: this process may have ${limit} descriptors`,
    );
  return count;
}

/** So many connections on which nothing has been said yet, all of them known to a P. */
async function parked(server: Server, count: number): Promise<TCPConn[]> {
  const conns: TCPConn[] = [];
  while (conns.length < count) {
    const some = Array.from({ length: Math.min(50, count - conns.length) }, () => dial('tcp', server.addr));
    conns.push(...(await Promise.all(some)));
  }
  await eventually(
    () => server.procs.reduce((sum, { connections }) => sum + connections, 0) === count,
    'all to be served',
  );
  return conns;
}

describe('a herd', { timeout: 110_000, ...needs('leases', 'reusePort') }, () => {
  for (const model of ['goroutines', 'callbacks']) {
    for (const distribute of ['reuseport', 'handoff'] as const) {
      test(`${model}, ${distribute}: ready all at once, all are served, by all Ps, and timers have their turn`, async (t) => {
        const data = new SharedArrayBuffer(4 * WORDS);
        const words = new Int32Array(data);
        const open = () => {
          Atomics.store(words, SHUT, 0);
          Atomics.notify(words, SHUT);
        };
        t.after(open);
        const server = await started(t, {
          handler: new URL(`./${model}.js`, import.meta.url),
          procs: PROCS,
          distribute,
          data,
          balance: false,
        });
        const conns = await parked(server, possible(t));
        Atomics.store(words, SHUT, 1);
        await eventually(() => Atomics.load(words, STANDING) === PROCS, 'all Ps to stand still');
        for (const conn of conns) {
          await conn.write(Buffer.from('one request'));
          await conn.flush();
        }
        open();
        const p = new Uint8Array(16);
        for (const conn of conns) {
          const n = await conn.read(p);
          assert.equal(Buffer.from(p.subarray(0, n!)).toString(), 'one request');
        }
        const served = Array.from({ length: PROCS }, (_, i) => words[OF_PROCS + 2 * i]!);
        const between = Array.from({ length: PROCS }, (_, i) => words[OF_PROCS + 2 * i + 1]!);
        t.diagnostic(
          `served ${served.join(' + ')}, of ${WORK} ms each, at most ${between.join(', ')} between timers`,
        );
        assert.equal(
          served.reduce((sum, count) => sum + count, 0),
          conns.length,
        );
        const fair = conns.length / PROCS;
        for (const count of served)
          assert.ok(Math.abs(count - fair) <= 0.2 * fair, `served ${served.join(' + ')}`);
        for (const count of between) assert.ok(count <= MOST_BETWEEN, `${count} served while a timer waited`);
        for (const conn of conns) conn.closeNow();
      });
    }
  }
});
