import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { Race } from '#dist/net/race.js';
import { VirtualClock } from '../lib/virtual-clock.ts';

const clock = new VirtualClock();
before(() => clock.install());
after(() => clock.restore());

/** Lets all promises that can run, run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await Promise.resolve();
}

interface Attempt {
  readonly name: string;
  readonly at: number;
  readonly signal: AbortSignal;
  resolve(value: string): void;
  reject(error: Error): void;
}

/** A race whose tries end when the test says so. */
function start(delay: number) {
  const began = performance.now();
  const attempts: Attempt[] = [];
  const discarded: string[] = [];
  const race = new Race<string, string>(
    {
      begin: (name, signal) =>
        new Promise((resolve, reject) => {
          attempts.push({ name, at: performance.now() - began, signal, resolve, reject });
        }),
      discard: (value) => discarded.push(value),
      failed: (tries) =>
        new Error(tries.map(({ what, error }) => `${what}: ${(error as Error).message}`).join(', ')),
    },
    delay,
  );
  const outcome: { value?: string; error?: unknown } = {};
  race.result.then(
    (value) => {
      outcome.value = value;
    },
    (error) => {
      outcome.error = error;
    },
  );
  const names = () => attempts.map(({ name, at }) => `${name}@${at}`);
  return { race, attempts, discarded, outcome, names };
}

describe('race', () => {
  test('the next one begins when the latest has had its time; the earlier ones go on', async () => {
    const { race, attempts, names, outcome } = start(250);
    race.add(['a', 'b', 'c']);
    race.complete();
    assert.deepEqual(names(), ['a@0']);
    clock.advance(249);
    assert.deepEqual(names(), ['a@0']);
    clock.advance(1);
    assert.deepEqual(names(), ['a@0', 'b@250']);
    clock.advance(1000);
    assert.equal(names().length, 3);
    assert.ok(
      attempts.every(({ signal }) => !signal.aborted),
      'none is given up',
    );
    attempts[0]!.resolve('from a');
    await settle();
    assert.deepEqual(outcome, { value: 'from a' });
    assert.ok(attempts.every(({ signal }) => signal.aborted));
  });

  test('a failure lets the next one begin at once', async () => {
    const { race, attempts, names } = start(250);
    race.add(['a', 'b', 'c']);
    attempts[0]!.reject(new Error('refused'));
    await settle();
    assert.deepEqual(names(), ['a@0', 'b@0']);
    clock.advance(249);
    assert.equal(names().length, 2);
    clock.advance(1);
    assert.deepEqual(names(), ['a@0', 'b@0', 'c@250']);
    race.stop('enough');
  });

  test('who wins second is discarded', async () => {
    const { race, attempts, discarded, outcome } = start(10);
    race.add(['a', 'b']);
    clock.advance(10);
    attempts[1]!.resolve('from b');
    attempts[0]!.resolve('from a');
    await settle();
    assert.deepEqual(outcome, { value: 'from b' });
    assert.deepEqual(discarded, ['from a']);
  });

  test('all fail: the error of all, in the order of the tries; but not before all is known', async () => {
    const { race, attempts, outcome } = start(10);
    race.add(['a', 'b']);
    clock.advance(10);
    attempts[1]!.reject(new Error('two'));
    attempts[0]!.reject(new Error('one'));
    await settle();
    assert.deepEqual(outcome, {}, 'more may come');
    race.add(['c']);
    attempts[2]!.reject(new Error('three'));
    race.complete();
    await settle();
    assert.equal((outcome.error as Error).message, 'a: one, b: two, c: three');
  });

  test('nothing to try: the reason that complete gave; stopped: everything is given up', async () => {
    const nothing = start(10);
    nothing.race.complete('no address');
    await settle();
    assert.deepEqual(nothing.outcome, { error: 'no address' });
    const stopped = start(10);
    stopped.race.add(['a', 'b', 'c']);
    stopped.race.stop('late');
    clock.advance(100);
    await settle();
    assert.deepEqual(stopped.outcome, { error: 'late' });
    assert.deepEqual(stopped.names(), ['a@0']);
    assert.ok(stopped.attempts[0]!.signal.aborted);
    stopped.race.add(['d']);
    assert.equal(stopped.attempts.length, 1);
  });

  test('without a delay to speak of: one after the other', async () => {
    const { race, attempts, names } = start(Number.POSITIVE_INFINITY);
    race.add(['a', 'b']);
    race.complete();
    clock.advance(1e9);
    assert.deepEqual(names(), ['a@0']);
    attempts[0]!.reject(new Error('at last'));
    await settle();
    assert.equal(names().length, 2);
    race.stop('enough');
  });

  test('as a naive model has it, whatever happens when', async () => {
    /** When each try begins and who wins, millisecond by millisecond: first the clock, then what ends. */
    const model = (tries: readonly (readonly [ms: number, succeeds: boolean])[], delay: number) => {
      const started: number[] = [];
      let latest = Number.NEGATIVE_INFINITY;
      let failures = 0;
      const begin = (at: number) => {
        if (started.length < tries.length) latest = started[started.push(at) - 1]!;
      };
      for (let at = 0; at < 3000; at++) {
        if (at >= latest + delay) begin(at);
        const ending = tries.flatMap(([ms, succeeds], i) =>
          started[i]! + ms === at ? [{ i, succeeds }] : [],
        );
        const winner = ending.find(({ succeeds }) => succeeds);
        if (winner !== undefined) return { started, winner: winner.i };
        for (const _ of ending) begin(at);
        failures += ending.length;
        if (failures === tries.length) return { started, winner: null };
      }
      throw new Error('the model is too short');
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 120 }), fc.boolean()), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 10, max: 60 }),
        async (tries, delay) => {
          const { race, attempts, outcome } = start(delay);
          race.add(tries.map((_, i) => String(i)));
          race.complete();
          for (let at = 0; at < 1000 && Object.keys(outcome).length === 0; at++) {
            // Those that end now, winners first, as in the model.
            const ending = attempts.filter(({ name, at: begun }) => begun + tries[Number(name)]![0] === at);
            for (const one of ending.filter(({ name }) => tries[Number(name)]![1])) one.resolve(one.name);
            for (const one of ending.filter(({ name }) => !tries[Number(name)]![1]))
              one.reject(new Error('failed'));
            await settle();
            if (Object.keys(outcome).length === 0) clock.advance(1);
          }
          const expected = model(tries, delay);
          assert.deepEqual(
            attempts.map(({ at }) => at),
            expected.started,
          );
          assert.equal(outcome.value ?? null, expected.winner === null ? null : String(expected.winner));
        },
      ),
      { numRuns: 60 },
    );
  });
});
