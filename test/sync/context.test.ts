import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { chan, sleep } from 'gopark';
import {
  afterFunc,
  type Context,
  ContextDeadlineError,
  withCancel,
  withDeadline,
  withTimeout,
} from 'gopark/sync';
import { timers } from '#dist/runtime/timers.js';
import { rejection, turns } from '../lib/waiting.ts';

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

describe('context', () => {
  test('CTX-3 cancel: once, the first reason counts, children follow, parents do not', () => {
    const parent = withCancel();
    const child = withCancel(parent.signal);
    const grandchild = withTimeout(child.signal, 60_000);
    const sibling = withCancel(parent.signal);
    const { cancel } = child;
    cancel('first');
    cancel('second');
    assert.deepEqual([child.signal.reason, grandchild.signal.reason], ['first', 'first']);
    assert.equal(parent.signal.aborted || sibling.signal.aborted, false);
    parent.cancel();
    assert.equal(sibling.signal.reason.name, 'AbortError');
    assert.equal(child.signal.reason, 'first');
    assert.equal(listeners(parent.signal), 0);
  });

  test('CTX-3 of a parent that has ended: ended, with the same reason', () => {
    const signal = AbortSignal.abort('over');
    for (const context of [withCancel(signal), withTimeout(signal, 1000), withTimeout(signal, 0)]) {
      assert.equal(context.signal.reason, 'over');
    }
  });

  test('CTX-4 CTX-9 time is up: a TimeoutError, never early; freed by cancel', async () => {
    const size = timers.size;
    const start = performance.now();
    const context = withTimeout(null, 20);
    const reason = await rejection(chan().recv(context));
    assert.ok(performance.now() - start >= 20);
    assert.ok(reason instanceof ContextDeadlineError && (reason as unknown) instanceof DOMException);
    assert.deepEqual([reason.name, reason.timeout], ['TimeoutError', true]);
    assert.equal(context.signal.reason, reason);
    const parent = withCancel();
    const long = withTimeout(parent.signal, 60_000);
    const later = withDeadline(parent.signal, new Date(Date.now() + 60_000));
    assert.equal(timers.size, size + 2);
    long.cancel();
    parent.cancel();
    assert.equal(later.signal.aborted, true);
    assert.equal(timers.size, size);
  });

  test('CTX-4 the parent’s deadline rules when it is earlier', async () => {
    const parent = withTimeout(undefined, 10);
    const child = withTimeout(parent.signal, 60_000);
    await rejection(sleep(60_000, child));
    assert.equal(child.signal.reason, parent.signal.reason);
  });

  test('CTX-4 in the past: ended at once; Infinity: never; no numbers: told', () => {
    assert.ok(withTimeout(null, 0).signal.reason instanceof ContextDeadlineError);
    assert.ok(withTimeout(null, -5).signal.aborted);
    assert.ok(withDeadline(null, new Date(Date.now() - 1)).signal.aborted);
    const size = timers.size;
    assert.equal(withTimeout(null, Number.POSITIVE_INFINITY).signal.aborted, false);
    assert.equal(timers.size, size);
    assert.throws(() => withTimeout(null, Number.NaN), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => withTimeout(null, '5' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => withDeadline(null, new Date(Number.NaN)), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => withDeadline(null, 5 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => withCancel({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('using ends it', () => {
    let signal: AbortSignal;
    {
      using context = withTimeout(null, 60_000);
      signal = context.signal;
      assert.equal(signal.aborted, false);
    }
    assert.ok(signal.aborted);
  });

  test('a parent that lives for days: 100,000 derived and cancelled children leave nothing', () => {
    const parent = withCancel();
    const size = timers.size;
    const before = memory();
    for (let i = 0; i < 100_000; i++) {
      using child = withTimeout(parent.signal, 86_400_000);
      if (i % 1000 === 0) assert.equal(listeners(parent.signal), 1, String(child.signal.aborted));
    }
    assert.equal(listeners(parent.signal), 0);
    assert.equal(timers.size, size);
    const grown = memory() - before;
    assert.ok(grown < 2_000_000, `${grown} bytes more`);
  });

  test('100,000 children at a time, cancelled the last first: no scan of the others', () => {
    const parent = withCancel();
    const children: Context[] = [];
    for (let i = 0; i < 100_000; i++) children.push(withCancel(parent.signal));
    assert.equal(listeners(parent.signal), 1);
    const start = performance.now();
    while (children.length > 50_000) children.pop()!.cancel();
    // A scan each time took more than a minute here.
    assert.ok(performance.now() - start < 20_000);
    parent.cancel('all');
    assert.ok(children.every(({ signal }) => signal.reason === 'all'));
    assert.equal(listeners(parent.signal), 0);
  });

  test('waiting calls leave no listener behind on a signal', async () => {
    const { signal } = withCancel();
    const ch = chan<number>();
    for (let i = 0; i < 1000; i++) {
      const receiving = ch.recv({ signal });
      assert.equal(listeners(signal), 1);
      ch.trySend(i);
      assert.equal(await receiving, i);
    }
    assert.equal(listeners(signal), 0);
  });

  test('CTX-8 afterFunc: once, later, unless stopped in time', async () => {
    const context = withCancel();
    const ran: string[] = [];
    const stopFirst = afterFunc(context.signal, () => ran.push('first'));
    const stopSecond = afterFunc(context.signal, () => ran.push('second'));
    assert.deepEqual([stopSecond(), stopSecond()], [true, false]);
    context.cancel();
    assert.deepEqual([...ran], [], 'in a goroutine of its own');
    await turns(2);
    assert.deepEqual([...ran], ['first']);
    assert.equal(stopFirst(), false);
    const stop = afterFunc(context.signal, () => ran.push('at once'));
    assert.equal(stop(), false);
    await turns(2);
    assert.deepEqual([...ran], ['first', 'at once']);
    assert.equal(listeners(context.signal), 0);
  });
});

function memory(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!();
  return process.memoryUsage().heapUsed;
}
