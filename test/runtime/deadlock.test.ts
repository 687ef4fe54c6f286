import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertDeadlock, type Ended, runChild } from '../lib/child.ts';

/** Runs a program that has `parked(detail)`, which waits as a lock does, and `wake()`, which ends the oldest wait. */
function runProgram(code: string, env: Record<string, string> = {}): Promise<Ended> {
  return runChild(
    `import { go, gosched, runtime, sleep } from 'gopark';
    import { goInternal } from '#dist/runtime/goroutine.js';
    import { Parking } from './build/test/runtime/parking.js';
    const all = [];
    async function parked(detail) {
      const parking = new Parking(detail);
      all.push(parking);
      await parking.enter();
    }
    const wake = () => all.shift().leave();
    ${code}`,
    { env },
  );
}

function assertFine(ended: Ended, stdout = ''): void {
  assert.deepEqual([ended.code, ended.stderr, ended.stdout], [0, '', stdout]);
}

describe('deadlock', () => {
  test('goroutines that wait for each other for ever: both are named, exit code 2', async () => {
    const ended = await runProgram(
      `async function left() { await gosched(); await parked('the right one'); }
      async function right() { await sleep(1); await parked('the left one'); }
      go(left);
      go(right);`,
    );
    assertDeadlock(
      ended,
      /^goroutine 1 left \[sync\.Mutex\.Lock, .*\]: the right one, created at .*\n\tat parked .*\n\tat left /m,
      /^goroutine 2 right \[sync\.Mutex\.Lock, .*\]: the left one, created at .*\n\tat parked .*\n\tat right /m,
    );
  });

  test('one is enough, whatever else is done', async () => {
    assertDeadlock(
      await runProgram(
        `go(async function stuck() { await parked('for ever'); });
        go(async () => { await sleep(5); });
        setTimeout(() => console.log('timer'), 20);`,
      ),
      /^goroutine 1 stuck \[sync\.Mutex\.Lock, .*\]: for ever/m,
    );
  });

  test('the main module counts, with or without goroutines', async () => {
    assertDeadlock(
      await runProgram(`await parked('top');`),
      /^goroutine main \[.*\]: top\n/m,
      'at the main module',
    );
    assertDeadlock(
      await runProgram(`async function main() { await gosched(); await parked('below'); } await main();`),
      /^goroutine main \[.*\]: below\n\tat parked .*\n\tat main .*\n\tat the main module/m,
    );
  });

  test('daemons and goroutines of the library do not count', async () => {
    assertFine(
      await runProgram(
        `go(async () => { await gosched(); for (;;) { await parked(); console.log('written'); } }).unref();
        goInternal(async () => { await sleep(1); for (;;) await parked(); });
        while (all.length < 2) await gosched();
        for (const parking of all.splice(0)) parking.leave();
        await gosched();`,
      ),
      'written\n',
    );
  });

  test('a plain async function that nobody awaits is no goroutine, and a promise that nobody awaits no wait', async () => {
    assertFine(
      await runProgram(
        `async function aside() { await gosched(); await parked(); }
        aside();
        go(async () => { await gosched(); parked(); });
        await sleep(5);`,
      ),
    );
  });

  test('a signal may still fire: no deadlock', async () => {
    assertFine(
      await runProgram(
        `go(async () => {
          const parking = new Parking('with a signal');
          parking.withSignal = true;
          await parking.enter();
        });`,
      ),
    );
  });

  test('a pipe in memory that nobody writes to', async () => {
    assertDeadlock(
      await runProgram(
        `import { pipe } from 'gopark/net';
        const [a, b] = pipe();
        go(async function reader() { await a.read(new Uint8Array(1)); });`,
      ),
      /^goroutine 1 reader \[select, .*\]: read pipe/m,
    );
  });

  test('who is woken at the last moment, by a beforeExit listener, goes on', async () => {
    assertFine(
      await runProgram(
        `process.once('beforeExit', () => wake());
        go(async () => { await gosched(); await parked(); console.log('woken'); });`,
      ),
      'woken\n',
    );
  });

  test('never after process.exit, never while something holds the process', async () => {
    assertFine(await runProgram(`go(() => parked()); setTimeout(() => process.exit(0), 20);`));
    assertFine(
      await runProgram(
        `go(async () => {
          await gosched();
          const waiting = parked();
          setTimeout(wake, 30);
          await waiting;
          console.log('in time');
        });`,
      ),
      'in time\n',
    );
  });

  test('it can be switched off', async () => {
    assertFine(await runProgram(`runtime.detectDeadlock = false; go(() => parked());`));
  });

  test('in a worker thread it ends the worker', async () => {
    const ended = await runProgram(
      `import { Worker } from 'node:worker_threads';
      const worker = new Worker(\`
        import('gopark').then(async ({ go }) => {
          const { Parking } = await import('\${import.meta.resolve('./build/test/runtime/parking.js')}');
          go(async function stuck() { await new Parking('in a worker').enter(); });
        });\`, { eval: true });
      worker.on('exit', (code) => console.log('worker', code));`,
    );
    assert.equal(ended.stdout, 'worker 2\n', ended.stderr);
    assert.match(ended.stderr, /deadlock![\s\S]*stuck \[[\s\S]*in a worker/);
  });
});
