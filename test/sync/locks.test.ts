import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, gosched } from 'gopark';
import { Cond, type Guard, Mutex, RWMutex } from 'gopark/sync';
import { waitCount } from '#dist/runtime/waits.js';
import { rejection, turns, watch } from '../lib/waiting.ts';
import { assertMisuse } from './misuse.ts';

describe('Mutex', () => {
  test('SYN-1 one at a time, in the order of asking', async () => {
    const mutex = new Mutex();
    let inside = 0;
    const order: number[] = [];
    const all = Array.from({ length: 50 }, (_, i) =>
      go(async () => {
        using _ = await mutex.lock();
        assert.equal(++inside, 1);
        if (i % 3 === 0) await gosched();
        else await null;
        order.push(i);
        inside--;
      }),
    );
    await Promise.all(all.map(({ done }) => done));
    assert.deepEqual(
      order,
      Array.from({ length: 50 }, (_, i) => i),
    );
    assert.equal(mutex.locked, false);
  });

  test('SYN-1 tryLock; unlock of unlocked; unlocked by another', async () => {
    const mutex = new Mutex();
    assertMisuse(() => mutex.unlock(), 'ERR_NOT_LOCKED');
    assert.ok(mutex.tryLock() && !mutex.tryLock());
    const waiting = mutex.lock();
    await go(() => mutex.unlock()).done;
    await waiting;
    assert.ok(mutex.locked && !mutex.tryLock());
    mutex.unlock();
    assertMisuse(() => mutex.unlock(), 'ERR_NOT_LOCKED');
  });

  test('not re-entrant', async () => {
    const mutex = new Mutex();
    await mutex.lock();
    const again = watch(mutex.lock());
    await turns(3);
    assert.ok(again.pending);
    mutex.unlock();
    await again.promise;
  });

  test('a guard gives back its own turn only', async () => {
    const mutex = new Mutex();
    const first = await mutex.lock();
    mutex.unlock();
    const second = await mutex.lock();
    first.release();
    assert.ok(mutex.locked, 'the lock is of the second turn');
    second.release();
    second[Symbol.dispose]();
    assert.equal(mutex.locked, false);
  });

  test('using gives back when the block throws', async () => {
    const mutex = new Mutex();
    const error = await rejection(
      (async () => {
        using _ = await mutex.lock();
        throw new Error('inside');
      })(),
    );
    assert.equal(error.message, 'inside');
    assert.equal(mutex.locked, false);
  });

  test('a signal ends waiting and leaves nothing behind', async () => {
    const mutex = new Mutex();
    const waits = waitCount();
    const guard = await mutex.lock();
    const controller = new AbortController();
    const given = rejection(mutex.lock(controller));
    const last = mutex.lock();
    controller.abort('enough');
    assert.equal(await given, 'enough');
    assert.equal(await rejection(mutex.lock(controller)), 'enough');
    guard.release();
    (await last).release();
    assert.equal(await rejection(mutex.lock(controller)), 'enough', 'even though it is free');
    assert.equal(mutex.locked, false);
    assert.equal(waitCount(), waits);
  });
});

describe('RWMutex', () => {
  test('SYN-2 readers together, a writer alone', async () => {
    const lock = new RWMutex();
    let readers = 0;
    let writers = 0;
    let together = 0;
    const tasks: Promise<void>[] = [];
    for (let i = 0; i < 30; i++) {
      const body =
        i % 5 === 2
          ? async () => {
              using _ = await lock.lock();
              assert.equal(readers + writers++, 0);
              await gosched();
              writers--;
            }
          : async () => {
              using _ = await lock.rLock();
              assert.equal(writers, 0);
              together = Math.max(together, ++readers);
              await gosched();
              readers--;
            };
      tasks.push(go(body).done);
    }
    await Promise.all(tasks);
    assert.ok(together > 1);
    assert.deepEqual([lock.locked, lock.readers], [false, 0]);
  });

  test('SYN-2 a waiting writer keeps new readers out; when it is done, all readers go before the next writer', async () => {
    const lock = new RWMutex();
    const order: string[] = [];
    const first = await lock.rLock();
    const noted = (name: string, guard: Promise<Guard>) =>
      guard.then((held) => {
        order.push(name);
        return held;
      });
    const w1 = noted('w1', lock.lock());
    const r1 = noted('r1', lock.rLock());
    const w2 = noted('w2', lock.lock());
    const r2 = noted('r2', lock.rLock());
    assert.equal(lock.tryRLock(), false);
    assert.equal(lock.tryLock(), false);
    first.release();
    (await w1).release();
    const [a, b] = await Promise.all([r1, r2]);
    assert.equal(lock.readers, 2);
    await turns(2);
    assert.deepEqual(order, ['w1', 'r1', 'r2']);
    a.release();
    b.release();
    (await w2).release();
    assert.deepEqual(order, ['w1', 'r1', 'r2', 'w2']);
  });

  test('a stream of readers does not starve a writer, nor writers a reader', async () => {
    const lock = new RWMutex();
    let going = true;
    const reading = Array.from({ length: 3 }, () =>
      go(async () => {
        while (going) {
          using _ = await lock.rLock();
          await null;
          await null;
        }
      }),
    );
    for (let i = 0; i < 20; i++) (await lock.lock()).release();
    going = false;
    await Promise.all(reading.map(({ done }) => done));
    going = true;
    const writing = Array.from({ length: 3 }, () =>
      go(async () => {
        while (going) {
          using _ = await lock.lock();
          await null;
        }
      }),
    );
    for (let i = 0; i < 20; i++) (await lock.rLock()).release();
    going = false;
    await Promise.all(writing.map(({ done }) => done));
  });

  test('a writer that gives up lets the readers in that waited because of it', async () => {
    const lock = new RWMutex();
    const waits = waitCount();
    const reader = await lock.rLock();
    const controller = new AbortController();
    const writer = rejection(lock.lock(controller));
    const behind = lock.rLock();
    const gone = rejection(lock.rLock(controller));
    assert.equal(lock.readers, 1);
    controller.abort('no time');
    assert.equal(await writer, 'no time');
    assert.equal(await gone, 'no time');
    (await behind).release();
    reader.release();
    assert.ok(lock.tryLock());
    assert.equal(waitCount(), waits);
  });

  test('misuse', () => {
    const lock = new RWMutex();
    assertMisuse(() => lock.unlock(), 'ERR_NOT_LOCKED');
    assertMisuse(() => lock.rUnlock(), 'ERR_NOT_LOCKED');
    assert.ok(lock.tryRLock());
    assertMisuse(() => lock.unlock(), 'ERR_NOT_LOCKED');
    lock.rUnlock();
    assert.ok(lock.tryLock());
    assertMisuse(() => lock.rUnlock(), 'ERR_NOT_LOCKED');
    lock.unlock();
  });
});

describe('Cond', () => {
  test('SYN-5 signal wakes one, the longest first; broadcast all; each with the lock', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    const woken: number[] = [];
    const all = Array.from({ length: 5 }, (_, i) =>
      go(async () => {
        using _ = await mutex.lock();
        await cond.wait();
        assert.ok(mutex.locked);
        woken.push(i);
        await gosched();
      }),
    );
    await turns(3);
    assert.equal(mutex.locked, false);
    cond.signal();
    await all[0]!.done;
    assert.deepEqual(woken, [0]);
    {
      using _ = await mutex.lock();
      cond.broadcast();
    }
    await Promise.all(all.map(({ done }) => done));
    assert.deepEqual(woken, [0, 1, 2, 3, 4]);
    assert.equal(mutex.locked, false, 'the guards of before the wait have given it back');
    cond.signal();
  });

  test('a signal ends waiting, with the lock; without the lock it is misuse', async () => {
    const mutex = new Mutex();
    const cond = new Cond(mutex);
    assert.equal((await rejection(cond.wait())).code, 'ERR_NOT_LOCKED');
    const controller = new AbortController();
    const guard = await mutex.lock();
    const waiting = rejection(cond.wait(controller));
    const other = await mutex.lock();
    controller.abort('late');
    const ended = watch(waiting);
    await turns(3);
    assert.ok(ended.pending, 'it must have the lock first');
    other.release();
    assert.equal(await waiting, 'late');
    assert.ok(mutex.locked);
    guard.release();
    assert.equal(mutex.locked, false);
  });
});
