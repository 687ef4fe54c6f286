import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertDeadlock, runChild } from '../lib/child.ts';

describe('the dump', () => {
  test('a lock taken twice: who waits where, and where it was taken', async () => {
    assertDeadlock(
      await runChild(
        `import { go, gosched } from 'gopark';
        import { Mutex } from 'gopark/sync';
        const mutex = new Mutex();
        async function settle() { using_(await mutex.lock()); await book(); }
        async function book() { await gosched(); await mutex.lock(); }
        function using_() {}
        go(settle);`,
      ),
      /^goroutine 1 settle \[sync\.Mutex\.Lock, .*\]: mutex 1, locked 0\.\ds ago by goroutine 1 in settle \(.*:4:\d+\)/m,
      /\n\tat book \(.*:5:\d+\)\n\tat settle \(.*:4:\d+\)/,
    );
  });

  test('the lock has passed on: the holder is who waited for it', async () => {
    assertDeadlock(
      await runChild(
        `import { go, gosched } from 'gopark';
        import { Mutex, RWMutex } from 'gopark/sync';
        const mutex = new Mutex();
        go(async function first() { const guard = await mutex.lock(); await gosched(); guard.release(); });
        go(async function second() { await mutex.lock(); await mutex.lock(); });
        const table = new RWMutex();
        go(async function reader() { await table.rLock(); await table.lock(); });`,
      ),
      /goroutine 2 second \[sync\.Mutex\.Lock, .*locked 0\.\ds ago by goroutine 2 in second \(.*:5:\d+\)/,
      /goroutine 3 reader \[sync\.RWMutex\.Lock, .*RWMutex 1, 1 reading, 1 to write, last locked .* in reader \(.*:7:\d+\)/,
    );
  });

  test('channels, selects, groups, semaphores: what each waits for', async () => {
    assertDeadlock(
      await runChild(
        `import { chan, go, recv, select, send } from 'gopark';
        import { Cond, Mutex, Once, Semaphore, WaitGroup } from 'gopark/sync';
        const a = chan(2);
        const b = chan();
        go(async function receiver() { await a.recv(); });
        go(async function sender() { await b.send(1); });
        const c = chan(1);
        go(async function chooser() { await select(recv(c), send(null, 1), recv(chan())); });
        go(async function nothing() { await select(); });
        go(async function loop() { for await (const value of chan()); });
        const group = new WaitGroup();
        group.add(3);
        go(async function waiter() { await group.wait(); });
        const semaphore = new Semaphore(2);
        semaphore.tryAcquire();
        go(async function greedy() { await semaphore.acquire(2); });
        go(async function again() { const once = new Once(); await once.do(() => once.do(() => {})); });
        const mutex = new Mutex();
        go(async function patient() { await mutex.lock(); await new Cond(mutex).wait(); });`,
      ),
      /goroutine \d+ receiver \[chan receive, .*\]: chan 1, 0 of 2 buffered/,
      /goroutine \d+ sender \[chan send, .*\]: chan 2, created/,
      /goroutine \d+ chooser \[select, .*\]: receive chan 3, 0 of 1 buffered, receive chan \d/,
      /goroutine \d+ nothing \[select, .*\]: no cases/,
      /goroutine \d+ loop \[chan receive/,
      /goroutine \d+ waiter \[sync\.WaitGroup\.Wait, .*\]: 3 to go/,
      /goroutine \d+ greedy \[sync\.Semaphore\.Acquire, .*\]: 2 of a semaphore with 1 of 2 left/,
      /goroutine \d+ again \[sync\.Mutex\.Lock/,
      /goroutine \d+ patient \[sync\.Cond\.Wait/,
    );
  });

  test('what a signal or a timeout may end is no deadlock', async () => {
    const ended = await runChild(
      `import { aborted, chan, go, recv, select, timeout } from 'gopark';
      import { Mutex, withTimeout } from 'gopark/sync';
      const signal = AbortSignal.timeout(60_000);
      const mutex = new Mutex();
      mutex.tryLock();
      go(() => mutex.lock({ signal }));
      go(() => chan().recv({ signal }));
      go(() => select(recv(chan()), aborted(signal)));
      go(async () => console.log(await select(recv(chan()), timeout(20, () => 'late'))));
      go(async () => console.log(await chan().recv(withTimeout(null, 30)).catch(({ name }) => name)));`,
    );
    assert.deepEqual([ended.code, ended.stderr, ended.stdout], [0, '', 'late\nTimeoutError\n']);
  });
});
