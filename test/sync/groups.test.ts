import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, gosched, runtime, sleep } from 'gopark';
import { ErrGroup, Once, onceValue, Semaphore, WaitGroup } from 'gopark/sync';
import { waitCount } from '#dist/runtime/waits.js';
import { rejection, turns, watch } from '../lib/waiting.ts';
import { assertMisuse } from './misuse.ts';

describe('WaitGroup', () => {
  test('SYN-3 any number may wait for all to be done; it can be used again', async () => {
    const group = new WaitGroup();
    await group.wait();
    for (let round = 0; round < 2; round++) {
      group.add(3);
      const waiting = [watch(group.wait()), watch(group.wait())];
      group.done();
      group.add(-1);
      await turns(2);
      assert.ok(waiting.every(({ pending }) => pending));
      assert.equal(group.count, 1);
      group.done();
      await Promise.all(waiting.map(({ promise }) => promise));
    }
  });

  test('SYN-3 a negative counter is misuse, and changes nothing', async () => {
    const group = new WaitGroup();
    assertMisuse(() => group.done(), 'ERR_NEGATIVE_COUNT');
    group.add(2);
    assertMisuse(() => group.add(-3), 'ERR_NEGATIVE_COUNT');
    assert.equal(group.count, 2);
    assert.throws(() => group.add(0.5), { code: 'ERR_OUT_OF_RANGE' });
    group.add(-2);
    await group.wait();
  });

  test('SYN-3 go counts a goroutine until it ends, also by an error', async () => {
    const group = new WaitGroup();
    const ended: number[] = [];
    const good = group.go(async (n: number) => {
      await gosched();
      ended.push(n);
      return n * 2;
    }, 21);
    const bad = group.go(async () => {
      throw new Error('bad');
    }).done;
    assert.equal(group.count, 2);
    assert.equal((await rejection(bad)).message, 'bad');
    await group.wait();
    assert.deepEqual(ended, [21]);
    assert.equal(await good.done, 42);
    assert.match(good.site, /groups\.test/);
  });

  test('a signal ends waiting', async () => {
    const group = new WaitGroup();
    const waits = waitCount();
    group.add();
    const controller = new AbortController();
    const waiting = rejection(group.wait(controller));
    controller.abort('no');
    assert.equal(await waiting, 'no');
    assert.equal(waitCount(), waits);
    group.done();
  });
});

describe('Once', () => {
  test('SYN-4 once; who comes meanwhile waits until it is done', async () => {
    const once = new Once();
    let calls = 0;
    let finished = false;
    const act = async () => {
      calls++;
      await gosched();
      finished = true;
    };
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        await once.do(act);
        assert.ok(finished);
      }),
    );
    await once.do(act);
    assert.equal(calls, 1);
  });

  test('SYN-4 an error is told to its caller only, and counts as done', async () => {
    const once = new Once();
    const failing = rejection(
      once.do(async () => {
        await gosched();
        throw new Error('first');
      }),
    );
    await once.do(() => assert.fail('done already'));
    assert.equal((await failing).message, 'first');
  });

  test('SYN-4 onceValue gives the same again, also the error', async () => {
    let calls = 0;
    const good = onceValue(async () => ++calls);
    assert.deepEqual([await good(), await good()], [1, 1]);
    const bad = onceValue(() => {
      throw new Error(`call ${++calls}`);
    });
    const [first, second] = [await rejection(bad()), await rejection(bad())];
    assert.equal(first, second);
    assert.equal(calls, 2);
  });
});

describe('Semaphore', () => {
  test('SYN-9 weights: never more out than there is', async () => {
    const semaphore = new Semaphore(10);
    let out = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const units = (i * 7) % 11;
        using _guard = await semaphore.acquire(units);
        out += units;
        most = Math.max(most, out);
        assert.ok(out <= 10);
        await (i % 2 === 0 ? gosched() : null);
        out -= units;
      }),
    );
    assert.equal(semaphore.available, 10);
    assert.ok(most >= 8);
  });

  test('SYN-9 a large wish at the head is not overtaken', async () => {
    const semaphore = new Semaphore(3);
    await semaphore.acquire(2);
    const order: string[] = [];
    const large = semaphore.acquire(3).then((guard) => {
      order.push('large');
      guard.release();
    });
    const small = semaphore.acquire(1).then(() => order.push('small'));
    assert.equal(semaphore.tryAcquire(1), false);
    await turns(2);
    assert.deepEqual(order, []);
    semaphore.release(2);
    await Promise.all([large, small]);
    assert.deepEqual(order, ['large', 'small']);
  });

  test('SYN-9 a head that gives up lets the next through', async () => {
    const semaphore = new Semaphore(3);
    const waits = waitCount();
    await semaphore.acquire(2);
    const controller = new AbortController();
    const large = rejection(semaphore.acquire(3, controller));
    const small = semaphore.acquire(1);
    controller.abort('no patience');
    assert.equal(await large, 'no patience');
    await small;
    assert.equal(semaphore.available, 0);
    assert.equal(await rejection(semaphore.acquire(0, controller)), 'no patience');
    assert.equal(waitCount(), waits);
  });

  test('SYN-9 more than there ever is waits for the signal, in nobody’s way', async () => {
    const semaphore = new Semaphore(2);
    const controller = new AbortController();
    const doomed = rejection(semaphore.acquire(3, controller));
    (await semaphore.acquire(2)).release();
    assert.equal(semaphore.tryAcquire(3), false);
    controller.abort('never');
    assert.equal(await doomed, 'never');
    assert.equal(semaphore.available, 2);
  });

  test('SYN-9 misuse', async () => {
    const semaphore = new Semaphore(2);
    assertMisuse(() => semaphore.release(), 'ERR_NOT_ACQUIRED');
    const guard = await semaphore.acquire(2);
    assertMisuse(() => semaphore.release(3), 'ERR_NOT_ACQUIRED');
    guard.release();
    guard.release();
    assert.equal(semaphore.available, 2);
    assert.throws(() => semaphore.release(-1), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal((await rejection(semaphore.acquire(-1))).code, 'ERR_OUT_OF_RANGE');
    assert.throws(() => new Semaphore(1.5), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('ErrGroup', () => {
  test('SYN-8 waits for all; then its signal fires', async () => {
    const group = new ErrGroup();
    let ended = 0;
    for (let i = 0; i < 5; i++) {
      await group.go(async () => {
        await gosched();
        ended++;
      });
    }
    assert.equal(group.signal.aborted, false);
    await group.wait();
    assert.equal(ended, 5);
    assert.equal(group.signal.aborted, true);
  });

  test('SYN-8 the first error ends it for all, and is what wait rejects with', async () => {
    const group = new ErrGroup();
    const reasons: unknown[] = [];
    const failure = new Error('first');
    for (let i = 0; i < 3; i++) {
      await group.go((signal) =>
        sleep(60_000, { signal }).catch((reason) => {
          reasons.push(reason);
          throw new Error('second');
        }),
      );
    }
    await group.go(async () => {
      await gosched();
      throw failure;
    });
    assert.equal(await rejection(group.wait()), failure);
    assert.deepEqual(reasons, [failure, failure, failure]);
    assert.equal(group.signal.reason, failure);
    assert.equal(runtime.onPanic, null, 'and no panic, although nobody read done');
  });

  test('SYN-8 a limit: go waits for a slot, tryGo says no', async () => {
    const group = new ErrGroup({ limit: 2 });
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await gosched();
      running--;
    };
    for (let i = 0; i < 10; i++) await group.go(task);
    assert.equal(group.tryGo(task), false);
    await turns(10);
    assert.equal(group.tryGo(task), true);
    await group.wait();
    assert.equal(most, 2);
  });

  test('SYN-8 waiting for a slot obeys a signal; limit 0 lets nobody in', async () => {
    const group = new ErrGroup({ limit: 0 });
    assert.equal(
      group.tryGo(() => assert.fail()),
      false,
    );
    const controller = new AbortController();
    const waiting = rejection(group.go(() => assert.fail(), controller));
    controller.abort('no');
    assert.equal(await waiting, 'no');
    assert.equal(await rejection(group.go(() => assert.fail(), controller)), 'no');
    await group.wait();
    assert.throws(() => new ErrGroup({ limit: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  test('what still waits for a slot counts for wait', async () => {
    const group = new ErrGroup({ limit: 1 });
    let ended = 0;
    for (let i = 0; i < 4; i++) {
      void group.go(async () => {
        await gosched();
        ended++;
      });
    }
    await group.wait();
    assert.equal(ended, 4);
  });

  test('the signal given to it ends its own', async () => {
    const controller = new AbortController();
    const group = new ErrGroup(controller);
    await group.go((signal) => sleep(60_000, { signal }));
    controller.abort(new Error('shutdown'));
    assert.equal((await rejection(group.wait())).message, 'shutdown');
  });

  test('wait obeys its own signal, and the goroutines go on', async () => {
    const group = new ErrGroup();
    let ended = false;
    await group.go(async () => {
      await turns(5);
      ended = true;
    });
    const controller = new AbortController();
    const waiting = rejection(group.wait(controller));
    controller.abort('impatient');
    assert.equal(await waiting, 'impatient');
    assert.equal(group.signal.aborted, false);
    await group.wait();
    assert.ok(ended);
  });
});

test('what needs no waiting gives timers their turn all the same', async () => {
  const semaphore = new Semaphore(1);
  let fired = false;
  const timer = setTimeout(() => {
    fired = true;
  }, 20);
  await go(async () => {
    while (!fired) (await semaphore.acquire()).release();
  }).done;
  clearTimeout(timer);
});
