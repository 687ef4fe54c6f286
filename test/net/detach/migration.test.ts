import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { dial, listen, type TCPConn } from 'gopark/net';
import { WaitGroup } from 'gopark/sync';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import type { Model, Told } from './migration-proc.ts';

/** `npm run bench:migrate` sets them to 2,000 and 50. */
const CONNECTIONS = Number(process.env.SOAK_CONNECTIONS ?? 60);
const MOVES = Number(process.env.SOAK_MOVES ?? 20);
const PROCS = 3;

/** A prime: no shift of a stream looks like the stream. */
const PERIOD = 1_048_573;
const bytes = Buffer.alloc(PERIOD + 65_536);
for (let i = 0, x = 12345; i < PERIOD; i++) {
  x = (Math.imul(x, 1_103_515_245) + 12_345) | 0;
  bytes[i] = x >>> 23;
}
bytes.copy(bytes, PERIOD, 0, 65_536);

const below = (n: number) => Math.floor(Math.random() * n);

/** What connection `id` says from byte `at` on. */
function said(id: number, at: number, length: number): Buffer {
  const start = (id * 7919 + at) % PERIOD;
  return bytes.subarray(start, start + length);
}

/** Talks and listens at the same time until `enough`: every byte has to come back, once and in its place. */
async function talk(dialled: TCPConn, id: number, enough: () => boolean): Promise<number> {
  await using conn = dialled;
  // Most have a request under way, some more than the kernel takes: then bytes that nobody has sent travel, too.
  const isBulky = id % 25 === 0;
  const [window, largest] = isBulky ? [8 << 20, 65_536] : [8192, 3000];
  let [sent, received] = [0, 0];
  let goOn = () => {};
  const reading = (async () => {
    const p = new Uint8Array(isBulky ? 65_536 : 4096);
    if (isBulky) await delay(300);
    for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
      assert.ok(
        said(id, received, n).equals(p.subarray(0, n)),
        `connection ${id}: bytes ${received} to ${received + n}`,
      );
      received += n;
      goOn();
    }
  })();
  while (!enough()) {
    const length = 1 + below(largest);
    await conn.write(said(id, sent, length));
    sent += length;
    if (below(20) === 0) await delay(below(4));
    while (sent - received > window && !enough()) {
      await Promise.race([
        new Promise<void>((resolve) => {
          goOn = resolve;
        }),
        reading,
      ]);
    }
  }
  await conn.closeWrite();
  await reading;
  assert.equal(received, sent, `connection ${id}`);
  return received;
}

describe('migration', { timeout: CONNECTIONS > 1000 ? 600_000 : 110_000, ...needs('leases') }, () => {
  for (const model of ['goroutines', 'callbacks', 'mixed'] as Model[]) {
    test(`${model}: ${CONNECTIONS} connections, each moved ${MOVES} times while it talks`, async (t) => {
      const before = openSockets();
      const workers = Array.from(
        { length: PROCS },
        () => new Worker(new URL('./migration-proc.js', import.meta.url), { workerData: { model } }),
      );
      const ups = workers.map((worker) => once(worker, 'message'));
      await Promise.all(ups);
      const began = performance.now();
      const moves = new Int32Array(CONNECTIONS);
      let closed = 0;
      const failures: string[] = [];
      let ended = () => {};
      const allEnded = new Promise<void>((resolve) => {
        ended = resolve;
      });
      for (const worker of workers) {
        worker.on('message', (told: Told) => {
          if (told.kind === 'moved') {
            moves[told.detached.state.id]!++;
            // Anybody, but mostly not the same one.
            workers[below(PROCS)]!.postMessage(told.detached);
            return;
          }
          if (told.kind === 'failed') failures.push(`connection ${told.id}: ${told.why}`);
          if (++closed === CONNECTIONS) ended();
        });
      }
      const listener = await listen('tcp', '127.0.0.1:0');
      let traffic = 0;
      const all = new WaitGroup();
      for (let id = 0; id < CONNECTIONS; id++) {
        const conn = await dial('tcp', String(listener.addr));
        const accepted = await listener.accept();
        workers[below(PROCS)]!.postMessage(await accepted.detach({ id, left: MOVES, rest: null }));
        all.go(async () => {
          const count = await talk(conn, id, () => moves[id]! >= MOVES || failures.length > 0);
          traffic += count;
        });
      }
      await all.wait();
      await allEnded;
      assert.deepEqual(failures, []);
      assert.deepEqual([...new Set(moves)], [MOVES]);
      await listener.close();
      const seconds = (performance.now() - began) / 1000;
      t.diagnostic(
        `${CONNECTIONS * MOVES} moves, ${(traffic / 1e6).toFixed(0)} MB there and back, ${seconds.toFixed(1)} s`,
      );
      for (const worker of workers) worker.postMessage('end');
      await Promise.all(workers.map((worker) => once(worker, 'exit')));
      await socketsBackAt(before);
    });
  }
});
