import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Balancer, type Shift } from '#dist/serve/balance/balancer.js';
import { checkBalance } from '#dist/serve/balance/options.js';
import { pick } from '#dist/serve/balance/pick.js';
import type { Load } from '#dist/serve/load.js';
import { chooseLeaving } from '#dist/serve/proc/shedding.js';

const load = (utilization: number, runnable = 1): Load => ({
  utilization,
  runnable,
  connections: 10,
  goroutines: 0,
});

const settings = { gap: 0.3, patience: 3 };

/** What it says to the same sample, so many times. */
function samples(balancer: Balancer, count: number, ...loads: (Load | null)[]): Shift[] {
  return Array.from({ length: count }, () => balancer.sample(loads)).flat();
}

describe('who should give what to whom', () => {
  test('only a gap that lasts, half of it at a time, and then a pause', () => {
    const balancer = new Balancer(settings);
    assert.deepEqual(samples(balancer, 2, load(0.9), load(0.1)), []);
    assert.deepEqual(samples(balancer, 1, load(0.5), load(0.5)), []);
    assert.deepEqual(samples(balancer, 2, load(0.9), load(0.1)), []);
    const [shift] = samples(balancer, 1, load(0.9), load(0.1));
    assert.deepEqual({ ...shift, share: 0 }, { from: 0, to: 1, why: 'busy', share: 0 });
    assert.ok(Math.abs(shift!.share - 0.4 / 0.9) < 1e-9);
    assert.deepEqual(samples(balancer, 5, load(0.9), load(0.1)), []);
    assert.equal(samples(balancer, 3, load(0.9), load(0.1)).length, 1);
  });

  test('no gap is worth it where nobody is busy; a P that is not there takes no part', () => {
    const balancer = new Balancer(settings);
    assert.deepEqual(samples(balancer, 50, load(0.7), load(0)), []);
    assert.deepEqual(samples(balancer, 50, load(1), null), []);
    assert.deepEqual(samples(balancer, 50, load(0.95), load(0.8)), []);
  });

  test('where all are busy, those go with whom many wait', () => {
    const balancer = new Balancer(settings);
    assert.deepEqual(samples(balancer, 3, load(1, 10), load(1, 90)), [
      { from: 1, to: 0, why: 'crowded', share: 80 / 2 / 90 },
    ]);
    assert.deepEqual(samples(new Balancer(settings), 50, load(1, 60), load(1, 40)), []);
  });

  test('the busiest gives to the idlest, the second of each to each other', () => {
    const shifts = samples(new Balancer(settings), 3, load(0.1), load(0.8), load(1), load(0.2));
    assert.deepEqual(
      shifts.map(({ from, to }) => [from, to]),
      [
        [2, 0],
        [1, 3],
      ],
    );
  });

  test('a load that turns round and round: patience grows, and soon nothing goes back any more', () => {
    const balancer = new Balancer(settings);
    const shifts: Shift[] = [];
    for (let turn = 0; turn < 100; turn++) {
      const [hot, cool] = [load(1), load(0)];
      shifts.push(...samples(balancer, 20, ...(turn % 2 === 0 ? [hot, cool] : [cool, hot])));
    }
    const turned = shifts.filter(({ from }, i) => i > 0 && from !== shifts[i - 1]!.from).length;
    assert.ok(turned > 0 && turned < 5, `turned round ${turned} times`);
  });

  test('a hundred Ps: as many moves at a time as there are pairs, and everybody only once', () => {
    const loads = Array.from({ length: 100 }, (_, i) => load(i % 2 === 0 ? 1 : 0));
    const shifts = samples(new Balancer(settings), 3, ...loads);
    assert.equal(shifts.length, 50);
    assert.equal(new Set(shifts.flatMap(({ from, to }) => [from, to])).size, 100);
  });
});

describe('who goes', () => {
  test('as much as is wanted and no more; one that is more than that by itself stays', () => {
    assert.deepEqual(chooseLeaving([['only', 80]], 0.5), []);
    assert.deepEqual(
      chooseLeaving(
        [
          ['a', 52],
          ['b', 48],
        ],
        0.5,
      ),
      ['b'],
    );
    assert.deepEqual(
      chooseLeaving(
        [
          ['heavy', 90],
          ['light', 10],
        ],
        0.5,
      ),
      ['light'],
    );
    const even = Array.from({ length: 10 }, (_, i) => [i, 1] as const);
    assert.equal(chooseLeaving(even, 0.5).length, 5);
  });

  test('whatever the costs: never more than the share', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 100, noNaN: true }), { maxLength: 30 }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        (costs, share) => {
          const total = costs.reduce((sum, cost) => sum + cost, 0);
          const chosen = chooseLeaving([...costs.entries()], share).map((i) => costs[i]!);
          const sum = chosen.reduce((all, cost) => all + cost, 0);
          assert.ok(sum <= share * total * (1 + 1e-9));
        },
      ),
    );
  });
});

/** Ps with connections that each want a part of a processor, all the time. */
class World {
  readonly balancer = new Balancer(settings);
  readonly at: number[];
  readonly demands: readonly number[];
  readonly procs: number;
  readonly moved: number[];
  lastMove = 0;

  constructor(procs: number, conns: readonly { at: number; demand: number }[]) {
    this.procs = procs;
    this.at = conns.map(({ at }) => at % procs);
    this.demands = conns.map(({ demand }) => demand);
    this.moved = conns.map(() => 0);
  }

  of(proc: number): [conn: number, demand: number][] {
    return [...this.demands.entries()].filter(([conn]) => this.at[conn] === proc);
  }

  wanted(proc: number): number {
    return this.of(proc).reduce((sum, [, demand]) => sum + demand, 0);
  }

  /** `noise` is added to what a P says of itself. */
  run(count: number, noise: () => number = () => 0): void {
    for (let sample = 1; sample <= count; sample++) {
      const loads = Array.from({ length: this.procs }, (_, proc) => {
        const wanted = this.wanted(proc);
        const utilization = Math.max(0, Math.min(1, wanted + noise()));
        return load(utilization, wanted >= 1 ? this.of(proc).length : 1);
      });
      for (const { from, to, share } of this.balancer.sample(loads)) {
        for (const conn of chooseLeaving(this.of(from), share)) {
          this.at[conn] = to;
          this.moved[conn]!++;
          this.lastMove = sample;
        }
      }
    }
  }
}

describe('no ping-pong', () => {
  const conns = fc.array(
    fc.record({ at: fc.nat(7), demand: fc.double({ min: 0.01, max: 0.9, noNaN: true }) }),
    { minLength: 1, maxLength: 60 },
  );

  test('whatever the connections want: the moving ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 6 }), conns, (procs, all) => {
        const world = new World(procs, all);
        world.run(3000);
        assert.ok(world.lastMove < 1500, `still moving at sample ${world.lastMove}`);
        const most = Math.max(...world.moved);
        assert.ok(most <= 3 * procs, `one connection moved ${most} times`);
      }),
      // One that fails is told at once: to make it smaller would take longer than the test may.
      { numRuns: 300, endOnFailure: true },
    );
  });

  test('a load that nothing balances comes to rest', () => {
    // Six of one P's connections weigh as much as four of the other's, and each in turn seems to be the crowded one.
    const heavy = [0.493, 0.192, 0.046, 0.035, 0.027, 0.027, 0.065, 0.61, 0.046, 0.116, 0.569, 0.327];
    const at = [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1];
    const world = new World(
      2,
      heavy.map((demand, i) => ({ at: at[i]!, demand })),
    );
    world.run(20_000);
    assert.ok(Math.max(...world.moved) <= 8, world.moved.join(' '));
    assert.ok(world.lastMove < 18_000, String(world.lastMove));
  });

  test('what can be balanced is balanced', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 2, max: 4 }), (count, procs) => {
        // All on one P, all alike, and in all as much as half of the Ps can do.
        const demand = procs / 2 / count;
        const world = new World(
          procs,
          Array.from({ length: count }, () => ({ at: 0, demand })),
        );
        world.run(1000);
        const wanted = Array.from({ length: procs }, (_, proc) => world.wanted(proc));
        const [least, most] = [Math.min(...wanted), Math.max(...wanted)];
        // The rest is below what is worth a move, or one connection is more than half of it.
        assert.ok(most < 0.75 || most - least < Math.max(0.3, 2 * demand) + 1e-9, wanted.join(' '));
      }),
    );
  });

  test('two Ps that are busy alike, and figures that jump about: hardly anything moves', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -0.2, max: 0.2, noNaN: true }), { minLength: 200 }), (jumps) => {
        const all = Array.from({ length: 20 }, (_, i) => ({ at: i, demand: 0.08 }));
        const world = new World(2, all);
        let at = 0;
        world.run(1000, () => jumps[at++ % jumps.length]!);
        assert.ok(Math.max(...world.moved) <= 12, world.moved.join(' '));
      }),
    );
  });
});

describe('who gets a new connection', () => {
  const one = (connections: number, utilization = 0.1): Load => ({
    connections,
    utilization,
    runnable: 1,
    goroutines: 0,
  });

  test('least-connections: fewest, then least busy, then in turn', () => {
    assert.equal(pick('least-connections', [one(3), one(1), one(2)], 0, null), 1);
    assert.equal(pick('least-connections', [one(1, 0.5), one(1, 0.2)], 0, null), 1);
    const alike = [one(1), one(1), one(1)];
    assert.deepEqual(
      [0, 1, 2, 3].map((turn) => pick('least-connections', alike, turn, null)),
      [0, 1, 2, 0],
    );
    assert.equal(pick('least-connections', [], 0, null), -1);
  });

  test('who is overloaded is passed over while another one is much less busy', () => {
    assert.equal(pick('least-connections', [one(1, 0.95), one(5, 0.2)], 0, 0.3), 1);
    assert.equal(pick('least-connections', [one(1, 0.95), one(5, 0.2)], 0, null), 0);
    assert.equal(pick('least-connections', [one(1, 0.95), one(5, 0.8)], 0, 0.3), 0);
    assert.equal(pick('least-connections', [one(1, 1), one(5, 1)], 0, 0.3), 0);
  });

  test('round-robin and random', () => {
    const procs = [one(9), one(0), one(5)];
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((turn) => pick('round-robin', procs, turn, 0.3)),
      [0, 1, 2, 0, 1],
    );
    const seen = new Set(Array.from({ length: 200 }, () => pick('random', procs, 0, 0.3)));
    assert.deepEqual([...seen].sort(), [0, 1, 2]);
  });
});

test('options of the balance', () => {
  assert.equal(checkBalance(false), null);
  assert.deepEqual(checkBalance(true), { gap: 0.3, rest: 10_000, patience: 3 });
  assert.deepEqual(checkBalance({ gap: 0.5, patience: 50, rest: 0 }), { gap: 0.5, rest: 0, patience: 1 });
  assert.throws(() => checkBalance({ gap: 0 }), RangeError);
  assert.throws(() => checkBalance({ rest: -1 }), RangeError);
  assert.throws(() => checkBalance({ patience: '5' as never }), TypeError);
  assert.throws(() => checkBalance('yes' as never), TypeError);
});
