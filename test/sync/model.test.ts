import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { aborted, type Chan, chan, otherwise, recv, type SelectCase, select, send } from 'gopark';
import { waitCount } from '#dist/runtime/waits.js';
import { turns } from '../lib/waiting.ts';
import { waiting } from './inside.ts';

const CHANNELS = 2;

/** What a call of the program is, in the plainest way: the arms it stands with, in each at most one channel. */
interface Arm {
  channel: number;
  side: 'send' | 'recv';
  value: number;
}

type Step =
  | { do: 'call'; arms: Arm[]; selects: boolean; fallback: boolean }
  | { do: 'try'; arm: Arm }
  | { do: 'abort'; which: number }
  | { do: 'close'; channel: number };

/** How a call ended: the arm and what came of it, or a word. */
type Ending = string;

interface ModelCall {
  id: number;
  arms: Arm[];
}

/** Channels as one would write them without a thought for speed: everything is searched for. */
class Model {
  readonly buffers: number[][] = Array.from({ length: CHANNELS }, () => []);
  readonly closed: boolean[] = new Array(CHANNELS).fill(false);
  readonly capacities: readonly number[];
  parked: ModelCall[] = [];
  readonly endings = new Map<number, Ending>();

  constructor(capacities: readonly number[]) {
    this.capacities = capacities;
  }

  first(channel: number, side: Arm['side']): [ModelCall, number] | null {
    for (const call of this.parked) {
      const index = call.arms.findIndex((arm) => arm.channel === channel && arm.side === side);
      if (index >= 0) return [call, index];
    }
    return null;
  }

  ready({ channel, side }: Arm): boolean {
    if (this.closed[channel]) return true;
    if (side === 'recv') return this.buffers[channel]!.length > 0 || this.first(channel, 'send') !== null;
    return this.first(channel, 'recv') !== null || this.buffers[channel]!.length < this.capacities[channel]!;
  }

  end(call: ModelCall, ending: Ending): void {
    this.parked = this.parked.filter((other) => other !== call);
    this.endings.set(call.id, ending);
  }

  /** Does a ready arm and tells how that ends. */
  perform(arm: Arm, index: number): Ending {
    const buffer = this.buffers[arm.channel]!;
    if (arm.side === 'send') {
      if (this.closed[arm.channel]) return 'send on closed';
      const receiver = this.first(arm.channel, 'recv');
      if (receiver !== null) this.end(receiver[0], `${receiver[1]}: ${arm.value} true`);
      else buffer.push(arm.value);
      return `${index}: sent`;
    }
    const sender = this.first(arm.channel, 'send');
    if (sender !== null) {
      buffer.push(sender[0].arms[sender[1]]!.value);
      this.end(sender[0], `${sender[1]}: sent`);
    }
    if (buffer.length === 0) return `${index}: undefined false`;
    return `${index}: ${buffer.shift()} true`;
  }

  close(channel: number): boolean {
    if (this.closed[channel]) return false;
    this.closed[channel] = true;
    for (let found = this.first(channel, 'recv'); found !== null; found = this.first(channel, 'recv')) {
      this.end(found[0], `${found[1]}: undefined false`);
    }
    for (let found = this.first(channel, 'send'); found !== null; found = this.first(channel, 'send')) {
      this.end(found[0], 'send on closed');
    }
    return true;
  }
}

class Real {
  readonly channels: Chan<number>[];
  readonly controllers = new Map<number, AbortController>();
  readonly endings = new Map<number, Ending>();

  constructor(capacities: readonly number[]) {
    this.channels = capacities.map((capacity) => chan<number>(capacity));
  }

  /** Notes how a call ends; that it ends once is what the promise sees to. */
  note(id: number, promise: Promise<unknown>): void {
    const controller = this.controllers.get(id)!;
    promise.then(
      (ending) => this.endings.set(id, String(ending)),
      (error) =>
        this.endings.set(
          id,
          error === controller.signal.reason ? 'aborted' : error.message.replace(' channel', ''),
        ),
    );
  }

  call(id: number, arms: readonly Arm[], selects: boolean, fallback: boolean): void {
    const controller = new AbortController();
    this.controllers.set(id, controller);
    const [arm] = arms;
    if (!selects && arm !== undefined) {
      const ch = this.channels[arm.channel]!;
      const plain =
        arm.side === 'send'
          ? ch.send(arm.value, controller).then(() => '0: sent')
          : ch.recvOk(controller).then(([value, ok]) => `0: ${value} ${ok}`);
      this.note(id, plain);
      return;
    }
    const cases: SelectCase<unknown>[] = arms.map((one, i) => {
      const ch = this.channels[one.channel]!;
      return one.side === 'send'
        ? send(ch, one.value, () => `${i}: sent`)
        : recv(ch, (value, ok) => `${i}: ${value} ${ok}`);
    });
    if (fallback) cases.push(otherwise(() => 'otherwise'));
    this.note(id, select(...cases, aborted(controller.signal)));
  }
}

const armOf = fc.record({
  channel: fc.nat(CHANNELS - 1),
  side: fc.constantFrom<Arm['side']>('send', 'recv'),
  value: fc.nat(1000),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      arms: fc.array(armOf, { minLength: 1, maxLength: 4 }),
      selects: fc.boolean(),
      fallback: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('try' as const), arm: armOf }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const), channel: fc.nat(CHANNELS - 1) }) },
);

/** A select with several ready arms may do any of them: the model does the one that was really done. */
function follow(model: Model, id: number, arms: Arm[], fallback: boolean, real: Ending | undefined): void {
  const ready = arms.map((arm, index) => ({ arm, index })).filter(({ arm }) => model.ready(arm));
  if (ready.length === 0) {
    if (fallback) model.endings.set(id, 'otherwise');
    else model.parked.push({ id, arms });
    return;
  }
  const chosen =
    ready.find(({ arm, index }) =>
      real === 'send on closed'
        ? arm.side === 'send' && model.closed[arm.channel]
        : real?.startsWith(`${index}: `) && !(arm.side === 'send' && model.closed[arm.channel]),
    ) ?? ready[0]!;
  model.endings.set(id, model.perform(chosen.arm, chosen.index));
}

async function run(capacities: readonly number[], steps: readonly Step[], settle: boolean): Promise<void> {
  const model = new Model(capacities);
  const real = new Real(capacities);
  const waits = waitCount();
  let id = 0;
  for (const one of steps) {
    if (one.do === 'call') {
      id++;
      const arms = one.selects ? one.arms : one.arms.slice(0, 1);
      const fallback = one.selects && one.fallback;
      real.call(id, arms, one.selects, fallback);
      // Which arm a select has done shows once its handler has run.
      if (settle || arms.length > 1) await turns(5);
      follow(model, id, arms, fallback, real.endings.get(id));
    } else if (one.do === 'try') {
      const { channel, side, value } = one.arm;
      const ch = real.channels[channel]!;
      if (side === 'send') {
        if (model.closed[channel]) assert.throws(() => ch.trySend(value), { code: 'ERR_CHAN_CLOSED' });
        else assert.equal(ch.trySend(value), model.ready(one.arm) && model.perform(one.arm, 0) === '0: sent');
      } else {
        const got = ch.tryRecvOk();
        assert.equal(
          got === null ? null : `0: ${got[0]} ${got[1]}`,
          model.ready(one.arm) ? model.perform(one.arm, 0) : null,
        );
      }
    } else if (one.do === 'abort') {
      const call = model.parked[one.which];
      if (call === undefined) continue;
      real.controllers.get(call.id)!.abort();
      model.end(call, 'aborted');
    } else if (model.close(one.channel)) {
      real.channels[one.channel]!.close();
    } else {
      assert.throws(() => real.channels[one.channel]!.close(), { code: 'ERR_CHAN_CLOSED' });
    }
    assert.deepEqual(
      real.channels.map(({ length }) => length),
      model.buffers.map(({ length }) => length),
    );
    assert.equal(
      waiting(...real.channels),
      model.parked.reduce((sum, { arms }) => sum + arms.length, 0),
    );
    assert.equal(waitCount() - waits, model.parked.length);
  }
  await turns(6);
  assert.deepEqual(
    [...real.endings].sort(([a], [b]) => a - b),
    [...model.endings].sort(([a], [b]) => a - b),
  );
  for (const { id: parked } of model.parked) real.controllers.get(parked)!.abort();
  assert.equal(waiting(...real.channels), 0);
  assert.equal(waitCount(), waits);
}

describe('channels and selects against a naive model', () => {
  const capacities = fc.array(fc.constantFrom(0, 0, 1, 3), { minLength: CHANNELS, maxLength: CHANNELS });

  test('any order of calls, selects, tries, aborts and closes; each step settles before the next', async () => {
    await fc.assert(
      fc.asyncProperty(capacities, fc.array(step, { maxLength: 40 }), (sizes, steps) =>
        run(sizes, steps, true),
      ),
      { numRuns: 150 },
    );
  });

  test('the same with plain calls in one go', async () => {
    const plain = step.map((one) => (one.do === 'call' ? { ...one, arms: one.arms.slice(0, 1) } : one));
    await fc.assert(
      fc.asyncProperty(capacities, fc.array(plain, { maxLength: 60 }), (sizes, steps) =>
        run(sizes, steps, false),
      ),
      { numRuns: 300 },
    );
  });
});
