import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { go, gosched, numGoroutine, runtime, sleep } from 'gopark';
import { IOError } from 'gopark/io';
import { ClosedError, DeadlineExceededError, dial, listen } from 'gopark/net';
import { runChild } from '../lib/child.ts';
import { rejection, stillPending, turns, until } from '../lib/waiting.ts';

async function withHooks(use: (errors: unknown[], panics: unknown[]) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  const panics: unknown[] = [];
  runtime.onError = (error) => errors.push(error);
  runtime.onPanic = (error) => panics.push(error);
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', onUnhandled);
  try {
    await use(errors, panics);
    await turns(3);
    assert.deepEqual(unhandled, [], 'no unhandledRejection');
  } finally {
    process.off('unhandledRejection', onUnhandled);
    runtime.onError = null;
    runtime.onPanic = null;
  }
}

describe('go', () => {
  test('starts after the caller goes on, with its arguments; done gives the result', async () => {
    const order: string[] = [];
    const goroutine = go(
      async (a: number, b: string) => {
        order.push(`${a}${b}`);
        await gosched();
        return a + 1;
      },
      1,
      'x',
    );
    order.push('caller');
    const result: number = await goroutine.done;
    assert.equal(result, 2);
    assert.deepEqual(order, ['caller', '1x']);
    assert.equal(await goroutine.done, 2, 'again and again');
  });

  test('a function that is not async will do; what is no function is refused', async () => {
    assert.equal(await go(() => 5).done, 5);
    await assert.rejects(
      go(() => {
        throw new RangeError('sync');
      }).done,
      RangeError,
    );
    assert.throws(() => go('x' as never), TypeError);
    assert.throws(() => go(undefined as never), TypeError);
  });

  test("ids differ, the label is the function's name", () => {
    async function worker() {}
    const a = go(worker);
    const b = go(worker);
    assert.notEqual(a.id, b.id);
    assert.equal(a.label, 'worker');
    assert.match(a.site, /go\.test\.[tj]s:\d+:\d+$/);
  });

  test('numGoroutine counts those that have started and not ended', async () => {
    const start = numGoroutine();
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const all = Array.from({ length: 10 }, () => go(() => gate));
    assert.equal(numGoroutine(), start + 10);
    await turns(1);
    assert.equal(numGoroutine(), start + 10);
    open();
    await Promise.all(all.map((goroutine) => goroutine.done));
    assert.equal(numGoroutine(), start);
  });

  test('numGoroutine is right after errors, too', async () => {
    await withHooks(async () => {
      const start = numGoroutine();
      go(() => {
        throw new Error('bug');
      });
      go(async () => {
        throw new IOError('ERR_TEST', 'a failure');
      });
      await turns(2);
      assert.equal(numGoroutine(), start);
    });
  });
});

describe('go: errors', () => {
  test('an I/O error ends only its goroutine and reaches onError, with the goroutine', async () => {
    await withHooks(async (errors, panics) => {
      const listener = await listen('tcp', '127.0.0.1:0');
      const closed = go(() => listener.accept());
      await turns(1);
      await listener.close();
      go(() => listener.accept());
      go(() => dial('tcp', '127.0.0.1:1', { timeout: 0 }));
      go(() => dial('tcp', 'nowhere'));
      go(async () => {
        throw new IOError('ERR_TEST', 'a failure');
      });
      await until(() => errors.length === 5, 'five errors');
      assert.ok(errors.some((error) => error instanceof ClosedError));
      assert.ok(errors.some((error) => error instanceof DeadlineExceededError));
      assert.deepEqual(panics, []);
      void closed;
    });
    let seen: unknown;
    runtime.onError = (_, goroutine) => {
      seen = goroutine;
    };
    const goroutine = go(async () => {
      throw new IOError('ERR_TEST', 'a failure');
    });
    await turns(1);
    assert.equal(seen, goroutine);
    runtime.onError = null;
  });

  test('the reason of a signal is an I/O error, whatever it is', async () => {
    await withHooks(async (errors, panics) => {
      const listener = await listen('tcp', '127.0.0.1:0');
      const reasons = [new Error('own'), 'text', 42, Object.freeze({ frozen: true }), undefined];
      for (const reason of reasons) {
        const controller = new AbortController();
        const { signal } = controller;
        const conn = await dial('tcp', String(listener.addr));
        go(() => sleep(60_000, { signal }));
        go(() => listener.accept({ signal }).then(() => listener.accept({ signal })));
        go(() => conn.read(new Uint8Array(1), { signal }));
        go(() => conn.waitReadable({ signal }));
        await turns(2);
        controller.abort(reason);
        go(() => conn.read(new Uint8Array(1), { signal }));
        go(() => sleep(1, { signal }));
        await until(() => errors.length === 6, 'six errors');
        errors.length = 0;
        conn.closeNow();
      }
      await listener.close();
      assert.deepEqual(panics, []);
    });
  });

  test('who has read done gets the error there, and nobody else does', async () => {
    await withHooks(async (errors, panics) => {
      for (const error of [new IOError('ERR_TEST', 'a failure'), new TypeError('bug')]) {
        const { done } = go(async () => {
          await gosched();
          throw error;
        });
        assert.equal(await rejection(done), error);
      }
      // Reading it is enough: never an unhandledRejection.
      void go(async () => {
        throw new TypeError('bug');
      }).done;
      await turns(3);
      assert.deepEqual([errors, panics], [[], []]);
    });
  });

  test('done, read after the end, still gives the error', async () => {
    await withHooks(async (errors) => {
      const error = new IOError('ERR_TEST', 'a failure');
      const goroutine = go(async () => {
        throw error;
      });
      await turns(2);
      assert.deepEqual(errors, [error]);
      assert.equal(await rejection(goroutine.done), error);
    });
  });

  test('a bug goes to onPanic', async () => {
    await withHooks(async (errors, panics) => {
      const bugs = [new TypeError('bug'), new Error('plain'), 'a string', null];
      for (const bug of bugs) {
        go(async () => {
          throw bug;
        });
      }
      await turns(2);
      assert.deepEqual(panics, bugs);
      assert.deepEqual(errors, []);
    });
  });

  test('a bug without onPanic ends the process with 2 and prints where the goroutine was created', async () => {
    const ended = await runChild(
      `import { go } from 'gopark';
      async function worker() { null.x; }
      setTimeout(() => console.log('still here'), 200);
      go(worker);`,
    );
    assert.equal(ended.code, 2);
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, /^panic: TypeError/);
    assert.match(ended.stderr, /goroutine \d+ worker, created at .*:4:7/);
  });

  test('an I/O error without onError prints one line a site and second, escaped, and the process lives', async () => {
    const ended = await runChild(
      `import { go, sleep } from 'gopark';
      import { IOError } from 'gopark/io';
      async function worker() { throw new IOError('EVIL', 'first\\nsecond \\x1b[31mred'); }
      for (let i = 0; i < 50; i++) go(worker);
      await sleep(20);
      console.log('alive');`,
    );
    assert.equal(ended.code, 0);
    assert.equal(ended.stdout, 'alive\n');
    const lines = ended.stderr.trim().split('\n');
    assert.equal(lines.length, 1, ended.stderr);
    assert.match(lines[0]!, /goroutine 1 worker, created at .*: .*first\\nsecond/);
    assert.ok(!ended.stderr.includes('\x1b'));
  });

  test('an onError that throws is a panic, told together with what it was told of', async () => {
    await withHooks(async (_, panics) => {
      const bug = new TypeError('in the hook');
      runtime.onError = () => {
        throw bug;
      };
      go(async () => {
        throw new IOError('ERR_TEST', 'a failure');
      });
      await turns(2);
      assert.deepEqual(panics, [bug]);
    });
    const ended = await runChild(
      `import { go, runtime } from 'gopark';
      import { IOError } from 'gopark/io';
      runtime.onError = () => { throw new IOError('ERR_HOOK', 'from the hook'); };
      setTimeout(() => console.log('still here'), 200);
      go(async () => { throw new IOError('ERR_TEST', 'the cause'); });`,
    );
    assert.equal(ended.code, 2);
    assert.equal(ended.stdout, '');
    assert.match(ended.stderr, /^gopark: runtime\.onError threw .*the cause[\s\S]*\npanic: .*from the hook/);
  });

  test('an onPanic that throws ends the process with both reports', async () => {
    const ended = await runChild(
      `import { go, runtime } from 'gopark';
      runtime.onPanic = () => { throw new RangeError('from the hook'); };
      setTimeout(() => console.log('still here'), 200);
      go(async () => { throw new TypeError('the cause'); });`,
    );
    assert.equal(ended.code, 2);
    assert.equal(ended.stdout, '');
    assert.match(
      ended.stderr,
      /^gopark: runtime\.onPanic threw .*the cause[\s\S]*\npanic: RangeError: from the hook/,
    );
  });

  test('what was written before a panic arrives', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const ended = runChild(
      `import { go } from 'gopark';
      import { dial } from 'gopark/net';
      const conn = await dial('tcp', '${listener.addr}');
      go(async () => { await conn.write(new TextEncoder().encode('before')); throw new Error('bug'); });
      await conn.read(new Uint8Array(1));`,
    );
    const conn = await listener.accept();
    const p = new Uint8Array(16);
    assert.equal(await conn.read(p), 6);
    assert.equal((await ended).code, 2);
    conn.closeNow();
    await listener.close();
  });
});

describe('sleep and gosched', () => {
  test('sleep is never early, and many wake in the order of their times', async () => {
    const woken: { earliest: number; latest: number }[] = [];
    await Promise.all(
      [30, 5, 20, 1, 10, 15, 25, 2].map(async (ms) => {
        // A busy machine may stop us between any two of these lines.
        const earliest = performance.now() + ms;
        const sleeping = sleep(ms);
        const latest = performance.now() + ms;
        await sleeping;
        assert.ok(performance.now() >= earliest, 'never early');
        woken.push({ earliest, latest });
      }),
    );
    for (const [i, { earliest }] of woken.entries()) {
      for (const { latest } of woken.slice(i + 1)) assert.ok(earliest <= latest, 'out of order');
    }
  });

  test('sleep(0) and less give others a turn; NaN is refused', async () => {
    let turn = false;
    setImmediate(() => {
      turn = true;
    });
    await sleep(0);
    assert.ok(turn);
    await sleep(-5);
    await sleep(-Infinity);
    await assert.rejects(sleep(Number.NaN), RangeError);
    await assert.rejects(sleep('5' as never), RangeError);
  });

  test('sleep ends with its signal; Infinity sleeps until then', async () => {
    assert.equal(await rejection(sleep(10, { signal: AbortSignal.abort('before') })), 'before');
    const controller = new AbortController();
    const { signal } = controller;
    const sleeps = [sleep(60_000, { signal }), sleep(Infinity, { signal }), sleep(2 ** 40, { signal })];
    for (const one of sleeps) one.catch(() => {});
    await stillPending(sleeps[1]!, 'sleep(Infinity)');
    controller.abort('enough');
    for (const one of sleeps) assert.equal(await rejection(one), 'enough');
  });

  test('sleep keeps the process alive, and an aborted one does not', async () => {
    const ended = await runChild(
      `import { sleep } from 'gopark';
      const controller = new AbortController();
      sleep(60000, controller).catch(() => {});
      const start = performance.now();
      await sleep(50);
      console.log(performance.now() - start >= 50);
      controller.abort();`,
    );
    assert.equal(ended.stdout, 'true\n');
    assert.equal(ended.code, 0);
  });

  test('gosched lets timers, immediates and the network run', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
    let timer = false;
    let echoed = 0;
    setTimeout(() => {
      timer = true;
    }, 1);
    go(async () => {
      const p = new Uint8Array(1);
      for (let n = await b.read(p); n !== null; n = await b.read(p)) {
        echoed++;
        await b.write(p);
      }
    }).done.catch(() => {});
    const p = new Uint8Array(1);
    let round = 0;
    go(async () => {
      for (; round < 10; round++) {
        await a.write(p);
        await a.read(p);
      }
    });
    const end = performance.now() + 5000;
    while ((!timer || round < 10) && performance.now() < end) await gosched();
    assert.ok(timer);
    assert.equal(echoed, 10);
    a.closeNow();
    b.closeNow();
    await listener.close();
  });
});
