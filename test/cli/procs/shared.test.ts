import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Place } from '#dist/cli/gateway/admission.js';
import { Places } from '#dist/cli/gateway/places.js';
import { decodeAnswer, decodeOrders, encodeAnswer, encodeOrders } from '#dist/cli/gateway/procs/messages.js';
import {
  admissionMemory,
  clearAdmission,
  SharedAdmission,
} from '#dist/cli/gateway/procs/shared-admission.js';
import {
  clearOfNow,
  counterMemory,
  sharedCounters,
  sumOfCounters,
} from '#dist/cli/gateway/procs/shared-counters.js';
import { eachTick } from '#dist/cli/gateway/procs/ticks.js';

describe('gateway: what Ps share', () => {
  test('admission: as one P would, wherever they come in', () => {
    const step = fc.record({ proc: fc.nat(2), host: fc.nat(3), comes: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
        const limits = { maxConnections: 12, maxPerAddress: 5 };
        const memory = admissionMemory(3);
        const procs = [0, 1, 2].map((index) => new SharedAdmission(memory, index, limits));
        const model = new Places(limits);
        const inside: { proc: number; place: Place; modelled: Place }[] = [];
        for (const { proc, host: n, comes } of steps) {
          const host = `10.0.0.${n}`;
          if (comes) {
            const [place, modelled] = [procs[proc]!.take(host), model.take(host)];
            assert.equal(place === null, modelled === null);
            if (place !== null) inside.push({ proc, place, modelled: modelled! });
          } else {
            const at = inside.findIndex((one) => one.proc === proc && one.place.host === host);
            if (at < 0) continue;
            const [{ place, modelled }] = inside.splice(at, 1) as [(typeof inside)[0]];
            procs[proc]!.giveBack(place);
            model.giveBack(modelled);
          }
        }
        for (let index = 0; index < 3; index++) clearAdmission(memory, index);
        for (let i = 0; i < limits.maxConnections; i++) assert.ok(procs[i % 3]!.take(`10.1.0.${i}`));
        assert.equal(procs[0]!.take('10.2.0.1'), null);
      }),
    );
  });

  test('counters: each P its own, and the sum; those of now end with it', () => {
    const memory = counterMemory(2);
    const [a, b] = [sharedCounters(memory, 0), sharedCounters(memory, 1)];
    a.orders = 5;
    a.connections++;
    b.orders += 2;
    b.connections = 3;
    assert.deepEqual(
      [a.orders, b.orders, sumOfCounters(memory).orders, sumOfCounters(memory).connections],
      [5, 2, 7, 4],
    );
    clearOfNow(memory, 1);
    assert.deepEqual([sumOfCounters(memory).orders, sumOfCounters(memory).connections], [7, 1]);
  });

  test('messages arrive as they were', () => {
    const batch = { proc: 1, thread: 7, number: 3, orders: ['a BUY X 1 1', 'b SELL Y 2 2'] };
    assert.deepEqual(decodeOrders(encodeOrders(batch)), batch);
    const answer = {
      thread: 7,
      number: 3,
      sequence: 99,
      failures: new Map([[1, 'no space left on device']]),
    };
    assert.deepEqual(decodeAnswer(encodeAnswer(answer)), answer);
    assert.deepEqual(decodeAnswer(encodeAnswer({ ...answer, failures: new Map() })).failures.size, 0);
  });

  test('ticks: each line, waiting where it must', async () => {
    const seen: string[] = [];
    await eachTick('TICK A 1 2\nTICK B.C 3 4\n', (symbol, line) => {
      seen.push(symbol);
      if (symbol === 'A') return Promise.resolve().then(() => void seen.push('waited'));
      seen.push(line);
      return null;
    });
    assert.deepEqual(seen, ['A', 'waited', 'B.C', 'TICK B.C 3 4\n']);
  });
});
