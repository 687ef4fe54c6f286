import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { aborted, type Chan, chan, go, otherwise, recv, select, send, timeout } from 'gopark';
import { SendOnClosedError } from 'gopark/sync';
import { timers } from '#dist/runtime/timers.js';
import { waitCount } from '#dist/runtime/waits.js';
import { rejection, stillPending, turns, watch } from '../lib/waiting.ts';
import { waiting } from './inside.ts';

describe('select', () => {
  test('does the case that is ready and resolves with what its handler gives', async () => {
    const a = chan<number>(1);
    const b = chan<string>(1);
    await a.send(1);
    const result: string = await select(
      recv(a, (value, ok) => `a ${value} ${ok}`),
      recv(b, () => 'b'),
    );
    assert.equal(result, 'a 1 true');
    assert.equal(
      await select(
        recv(a),
        send(b, 'x', async () => 'sent'),
      ),
      'sent',
    );
    assert.equal(await b.recv(), 'x');
  });

  test('a handler that has looked at ok has a value, for the compiler, too', async () => {
    const words = chan<string>(1);
    await words.send('four');
    words.close();
    const lengthOf = () => select(recv(words, (word, ok) => (ok ? word.length : -1)));
    assert.equal(await lengthOf(), 4);
    assert.equal(await lengthOf(), -1);
    const either = (word: string | undefined, ok: boolean) => `${word} ${ok}`;
    assert.equal(await select(recv(words, either)), 'undefined false');
  });

  test('without handlers: the value, or undefined', async () => {
    const ch = chan<number>(1);
    assert.equal(await select(send(ch, 5)), undefined);
    const value: number | undefined = await select(recv(ch), timeout(1000));
    assert.equal(value, 5);
  });

  test('CH-5 random among the ready: 100,000 rounds over 2, 3 and 5 cases', async () => {
    for (const count of [2, 3, 5]) {
      const channels = Array.from({ length: count }, () => {
        const ch = chan<void>();
        ch.close();
        return ch;
      });
      const hits = new Array<number>(count).fill(0);
      const cases = channels.map((ch, i) => recv(ch, () => hits[i]!++));
      const rounds = 100_000;
      for (let i = 0; i < rounds; i++) await select(...cases);
      const expected = rounds / count;
      const chiSquare = hits.reduce((sum, hit) => sum + (hit - expected) ** 2 / expected, 0);
      // With 4 degrees of freedom a fair choice goes beyond this once in some ten million runs.
      assert.ok(chiSquare < 40, `${hits} (${chiSquare.toFixed(1)})`);
    }
  });

  test('CH-5 sends and receives are chosen equally often', async () => {
    const sends = chan<number>(100_001);
    const receives = chan<number>();
    receives.close();
    let sent = 0;
    for (let i = 0; i < 20_000; i++)
      await select(
        send(sends, i, () => sent++),
        recv(receives),
      );
    assert.ok(Math.abs(sent - 10_000) < 500, String(sent));
    assert.equal(sends.length, sent);
  });

  test('otherwise only when nothing is ready', async () => {
    const ch = chan<number>(1);
    assert.equal(
      await select(
        recv(ch, () => 'received'),
        otherwise(() => 'nothing'),
      ),
      'nothing',
    );
    await ch.send(1);
    for (let i = 0; i < 50; i++) {
      assert.equal(
        await select(
          recv(ch, () => 'received'),
          otherwise(() => 'nothing'),
        ),
        'received',
      );
      await ch.send(1);
    }
    assert.equal(
      await select(
        send(ch, 2, () => 'sent'),
        otherwise(() => 'full'),
      ),
      'full',
    );
    assert.equal(await select(otherwise()), undefined);
    assert.equal(
      await select(
        otherwise(() => 'alone'),
        recv(null),
      ),
      'alone',
    );
    assert.match((await rejection(select(otherwise(), otherwise()))).message, /more than one otherwise/);
  });

  test('CH-4 a nil channel is never ready', async () => {
    const none: Chan<number> | null = null;
    assert.equal(
      await select(
        recv(none),
        send(none, 1),
        recv(undefined),
        otherwise(() => 'nil'),
      ),
      'nil',
    );
    await stillPending(select(recv(none), send(undefined, 1)), 'a select of nil channels');
    const ch = chan<number>(1);
    await ch.send(3);
    assert.equal(await select(recv(none), recv(ch)), 3);
  });

  test('CH-4 no cases: waits for ever', async () => {
    const waits = waitCount();
    await stillPending(select(), 'a select of nothing');
    assert.equal(waitCount(), waits + 1);
  });

  test('a parked select takes the first that comes, once, and leaves no waiter behind', async () => {
    const channels = Array.from({ length: 4 }, () => chan<number>());
    const [a, b, c, d] = channels as [Chan<number>, Chan<number>, Chan<number>, Chan<number>];
    const waits = waitCount();
    const controller = new AbortController();
    const timersBefore = timers.size;
    let ran = 0;
    const count = (what: string) => () => {
      ran++;
      return what;
    };
    const selecting = select(
      recv(a, count('a')),
      send(b, 1, count('b')),
      recv(c, count('c')),
      send(d, 1, count('d')),
      aborted(controller.signal, count('aborted')),
      timeout(60_000, count('timeout')),
    );
    assert.equal(waiting(...channels), 4);
    assert.equal(waitCount(), waits + 1);
    assert.equal(timers.size, timersBefore + 1);
    assert.ok(c.trySend(5));
    assert.equal(waiting(...channels), 0);
    assert.equal(waitCount(), waits);
    assert.equal(timers.size, timersBefore);
    assert.equal(b.tryRecv(), undefined);
    assert.equal(a.trySend(1), false);
    controller.abort();
    assert.equal(await selecting, 'c');
    assert.equal(ran, 1);
  });

  test('handlers run in the goroutine of the select, not in that of the sender', async () => {
    const ch = chan<number>();
    const order: string[] = [];
    const selecting = select(recv(ch, () => order.push('handler')));
    ch.trySend(1);
    order.push('sender goes on');
    await selecting;
    const ready = chan<number>(1);
    ready.trySend(1);
    const immediately = select(recv(ready, () => order.push('handler')));
    order.push('caller goes on');
    await immediately;
    assert.deepEqual(order, ['sender goes on', 'handler', 'caller goes on', 'handler']);
  });

  test('what a handler throws is what the select rejects with, parked or not', async () => {
    const ch = chan<number>(1);
    const fail = () => {
      throw new RangeError('handler');
    };
    await ch.send(1);
    assert.equal((await rejection(select(recv(ch, fail)))).message, 'handler');
    const parked = rejection(select(recv(ch, fail)));
    await ch.send(2);
    assert.equal((await parked).message, 'handler');
    assert.equal((await rejection(select(otherwise(fail)))).message, 'handler');
    assert.equal((await rejection(select(timeout(0, fail)))).message, 'handler');
  });

  test('the closed cases: receive is ready, send fails when it is chosen', async () => {
    const ch = chan<number>(1);
    ch.close();
    assert.deepEqual(await select(recv(ch, (value, ok) => [value, ok])), [undefined, false]);
    assert.ok((await rejection(select(send(ch, 1)))) instanceof SendOnClosedError);
    const outcomes = new Set<string>();
    for (let i = 0; i < 200; i++) {
      outcomes.add(
        await select(
          send(ch, 1, () => 'sent'),
          recv(ch, () => 'received'),
        ).catch((error) => error.name),
      );
    }
    assert.deepEqual([...outcomes].sort(), ['SendOnClosedError', 'received']);
  });

  test('close wakes parked selects: receivers with the end, senders with the error', async () => {
    const ch = chan<number>();
    const other = chan<number>();
    const receiving = select(
      recv(ch, (value, ok) => [value, ok]),
      recv(other),
    );
    const sending = rejection(select(send(ch, 1), recv(other)));
    // That sender found the select that receives: so it is done, and another one has to wait.
    assert.deepEqual(await receiving, [1, true]);
    assert.match((await sending).message, /resolved with undefined/);
    const parked = rejection(select(send(ch, 2), recv(other)));
    ch.close();
    assert.ok((await parked) instanceof SendOnClosedError);
    assert.equal(waiting(ch, other), 0);
    const ended = chan<number>();
    const end = select(
      recv(ended, (_, ok) => ok),
      recv(ended, (_, ok) => ok),
      recv(other),
    );
    ended.close();
    assert.equal(await end, false);
    assert.equal(waiting(ended, other), 0);
  });

  test('I-17 the same channel twice, and on both sides of one select', async () => {
    const ch = chan<number>();
    const self = watch(
      select(
        send(ch, 1, () => 'sent'),
        recv(ch, () => 'received'),
      ),
    );
    await turns(3);
    assert.ok(self.pending, 'never with itself');
    assert.equal(await ch.recv(), 1);
    await self.promise;
    assert.deepEqual(self.outcome, { state: 'resolved', value: 'sent' });
    assert.equal(waiting(ch), 0);

    const twice = select(
      recv(ch, (v) => `first ${v}`),
      recv(ch, (v) => `second ${v}`),
    );
    await ch.send(5);
    assert.equal(await twice, 'first 5');
    assert.equal(waiting(ch), 0);

    const buffered = chan<number>(1);
    assert.equal(
      await select(
        send(buffered, 1, () => 'sent'),
        recv(buffered),
      ),
      'sent',
    );
    assert.equal(
      await select(
        send(buffered, 2),
        recv(buffered, (v) => `received ${v}`),
      ),
      'received 1',
    );
  });

  test('I-17 two goroutines that only select on both sides of two channels: all gets through', async () => {
    for (const capacity of [0, 10]) {
      const a = chan<number>(capacity);
      const b = chan<number>(capacity);
      const rounds = 2000;
      const player = (mine: Chan<number>, theirs: Chan<number>) =>
        go(async () => {
          let sum = 0;
          let sent = 0;
          let received = 0;
          while (sent < rounds || received < rounds) {
            await select(
              send(sent < rounds ? mine : null, sent, () => sent++),
              recv(received < rounds ? theirs : null, (v) => {
                received++;
                sum += v!;
              }),
            );
          }
          return sum;
        }).done;
      const sums = await Promise.all([player(a, b), player(b, a)]);
      assert.deepEqual(sums, [(rounds * (rounds - 1)) / 2, (rounds * (rounds - 1)) / 2]);
      assert.equal(waiting(a, b), 0);
    }
  });

  test('I-17 stress: four goroutines for each of four channels, plain and by select, as in Go', async () => {
    const channels = [chan<number>(), chan<number>(), chan<number>(2), chan<number>(3)];
    const rounds = 300;
    const done: Promise<unknown>[] = [];
    for (const ch of channels) {
      done.push(
        go(async () => {
          for (let i = 0; i < rounds; i++) await ch.send(i);
        }).done,
      );
      done.push(
        go(async () => {
          for (let i = 0; i < rounds; i++) await ch.recv();
        }).done,
      );
    }
    for (const side of [send, recv]) {
      done.push(
        go(async () => {
          const left = [rounds, rounds, rounds, rounds];
          while (left.some((n) => n > 0)) {
            await select(
              ...channels.map((ch, i) => {
                const open = left[i]! > 0 ? ch : null;
                const take = () => left[i]!--;
                return side === send ? send(open, 0, take) : recv(open, take);
              }),
            );
          }
        }).done,
      );
    }
    await Promise.all(done);
    assert.equal(waiting(...channels), 0);
    for (const ch of channels) assert.equal(ch.length, 0);
  });

  test('a timeout comes when nothing else does, and never early', async () => {
    const start = performance.now();
    assert.equal(
      await select(
        recv(chan()),
        timeout(20, () => 'late'),
        timeout(Infinity),
      ),
      'late',
    );
    assert.ok(performance.now() - start >= 20);
    assert.equal(await select(timeout(-5, () => 'at once')), 'at once');
    await stillPending(select(timeout(Infinity)), 'an infinite timeout');
    assert.throws(() => timeout(Number.NaN), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => timeout('5' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('a signal: ready when it has fired, chosen when it fires, the reason without a handler', async () => {
    const controller = new AbortController();
    const ch = chan<number>();
    const parked = select(
      recv(ch),
      aborted(controller.signal, (reason) => `stopped: ${reason}`),
    );
    const bare = rejection(select(recv(ch), aborted(controller.signal)));
    controller.abort('closing time');
    assert.equal(await parked, 'stopped: closing time');
    assert.equal(await bare, 'closing time');
    assert.equal(
      await select(
        recv(ch),
        aborted(controller.signal, () => 'fired'),
      ),
      'fired',
    );
    assert.equal(waiting(ch), 0);
    assert.throws(() => aborted({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  test('cases may be used again and again', async () => {
    const a = chan<number>(1);
    const b = chan<number>();
    const seen: (number | undefined)[] = [];
    const cases = [recv(a, (v) => seen.push(v)), recv(b, (v) => seen.push(v))];
    await a.send(1);
    await select(...cases);
    for (let i = 2; i < 5; i++) {
      const parked = select(...cases);
      assert.ok(b.trySend(i));
      await parked;
    }
    assert.deepEqual(seen, [1, 2, 3, 4]);
  });

  test('what is no case, channel or handler is told', async () => {
    assert.equal((await rejection(select({} as never))).code, 'ERR_INVALID_ARG_TYPE');
    assert.throws(() => recv({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => send(5 as never, 1), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => recv(chan(), 5 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => otherwise('x' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});
