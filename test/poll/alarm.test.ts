import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { LoopAlarm } from '#dist/cli/bench/loop-alarm.js';
import type { Alarm } from '#dist/poll/alarm.js';
import { threadPoller } from '#dist/poll/index.js';
import { now } from '#dist/runtime/clock.js';
import { needs } from '../lib/needs.ts';

function driverAlarm(close: number): (onDue: () => void) => Alarm {
  return (onDue) => {
    const alarm = threadPoller().driver.alarm!(onDue, close);
    assert.ok(typeof alarm === 'object', `errno ${alarm}`);
    return alarm;
  };
}

function suite(alarmFor: (onDue: () => void) => Alarm): void {
  /** What `rings` instants of an alarm do, each set from within the one before. */
  async function ring(instants: readonly number[]): Promise<number[]> {
    const rung: number[] = [];
    // An alarm alone keeps nothing alive.
    const holding = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => {
      const alarm = alarmFor(() => {
        rung.push(now());
        if (rung.length < instants.length) {
          alarm.set(instants[rung.length]!);
        } else {
          alarm.close();
          resolve();
        }
      });
      alarm.set(instants[0]!);
    });
    clearInterval(holding);
    return rung;
  }

  test('rings when its instant has come, and not before', async () => {
    const from = now();
    const instants = [0.3, 0.35, 3, 3, 4.2, 9].map((ms) => from + ms);
    const rung = await ring(instants);
    assert.equal(rung.length, instants.length);
    rung.forEach((at, i) => {
      // Two clocks are compared here: within a microsecond or two.
      assert.ok(at >= instants[i]! - 0.005, `${at - instants[i]!} ms`);
    });
  });

  test('rings until another instant is set, and lets others have their turn meanwhile', async () => {
    let [rings, seen] = [0, 0];
    const alarm = alarmFor(() => {
      rings++;
    });
    alarm.set(now() - 1);
    await delay(5);
    for (seen = rings; rings < seen + 3; ) await delay(1);
    alarm.set(Number.POSITIVE_INFINITY);
    await delay(1);
    seen = rings;
    await delay(5);
    assert.equal(rings, seen);
    alarm.close();
  });

  test('an earlier instant takes the place of a later one', async () => {
    let rang = false;
    const alarm = alarmFor(() => {
      rang = true;
      alarm.set(Number.POSITIVE_INFINITY);
    });
    alarm.set(now() + 60_000);
    await delay(3);
    assert.equal(rang, false);
    alarm.set(now() + 1);
    while (!rang) await delay(1);
    alarm.close();
  });

  test('one that is closed never rings', async () => {
    let rings = 0;
    const alarm = alarmFor(() => {
      rings++;
    });
    alarm.set(now() + 2);
    alarm.close();
    await delay(6);
    assert.equal(rings, 0);
  });
}

describe('an alarm of the event loop', () => suite((onDue) => new LoopAlarm(onDue)));

describe('an alarm of the driver that spins', needs('alarm'), () => suite(driverAlarm(2)));

describe('an alarm of the driver that sleeps', needs('alarm'), () => {
  suite(driverAlarm(0));

  test('keeps no thread alive, and ends with it', async () => {
    const program = (close: number, when: number) => `
      import { threadPoller } from ${JSON.stringify(import.meta.resolve('#dist/poll/index.js'))};
      const alarm = threadPoller().driver.alarm(() => {}, ${close});
      alarm.set(performance.now() + ${when});
    `;
    for (const [close, when] of [
      [0, 60_000],
      [2, -1],
      [1e6, 1e6],
    ] as const) {
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program(close, when))}`));
      const code = await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
      assert.equal(code, 0);
    }
  });
});
