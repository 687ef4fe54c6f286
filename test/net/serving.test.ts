import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runtime } from 'gopark';
import { Scanner } from 'gopark/bufio';
import {
  ClosedError,
  type Conn,
  DeadlineExceededError,
  dial,
  type Listener,
  limitListener,
  listen,
  startServing,
  type TCPConn,
} from 'gopark/net';
import { text, untext } from '../lib/bytes.ts';
import { openSockets, socketsBackAt } from '../lib/descriptors.ts';
import { drain, echo, readExactly, readToEnd, roundTrip } from '../lib/peers.ts';
import { rejection, stillPending, turns, until, watch } from '../lib/waiting.ts';

async function limited(most: number): Promise<Listener<TCPConn>> {
  return limitListener(await listen('tcp', '127.0.0.1:0'), most);
}

const dialTo = (listener: Listener): Promise<TCPConn> =>
  dial('tcp', String(listener.addr), { timeout: 10_000 });

describe('limit listener', () => {
  test('no more than so many at a time; a close lets the next one in, in whatever way', async () => {
    const sockets = openSockets();
    const listener = await limited(2);
    const dialled = await Promise.all(Array.from({ length: 5 }, () => dialTo(listener)));
    const first = await listener.accept();
    const second = await listener.accept();
    const third = watch(listener.accept());
    const fourth = watch(listener.accept());
    await turns(20);
    assert.ok(third.pending && fourth.pending);
    await first.close();
    await third.promise;
    await turns(5);
    assert.ok(fourth.pending, 'one closed, one accepted');
    second.closeNow();
    await fourth.promise;
    assert.ok(third.outcome.state === 'resolved' && fourth.outcome.state === 'resolved');
    const fifth = watch(listener.accept());
    await turns(5);
    assert.ok(fifth.pending);
    await third.outcome.value[Symbol.asyncDispose]();
    await fifth.promise;
    // Closing again frees no second place.
    first.closeNow();
    await assert.rejects(second.close(), ClosedError);
    await third.outcome.value[Symbol.asyncDispose]();
    await stillPending(watchless(listener), 'a sixth');
    assert.ok(fifth.outcome.state === 'resolved');
    for (const conn of [...dialled, fourth.outcome.value, fifth.outcome.value]) conn.closeNow();
    await listener.close();
    await socketsBackAt(sockets);
  });

  /** An accept that nobody minds about. */
  function watchless(listener: Listener): Promise<unknown> {
    const accepting = listener.accept();
    accepting.catch(() => {});
    return accepting;
  }

  test('who waits for a place obeys its signal, the deadline and the close', async () => {
    const listener = await limited(1);
    const dialled = await dialTo(listener);
    const only = await listener.accept();
    const controller = new AbortController();
    const aborted = watch(listener.accept({ signal: controller.signal }));
    const closed = watch(listener.accept());
    await turns(3);
    controller.abort('enough');
    await aborted.promise;
    assert.deepEqual(aborted.outcome, { state: 'rejected', error: 'enough' });
    listener.setDeadline(new Date(Date.now() + 20));
    await closed.promise;
    assert.ok(closed.outcome.state === 'rejected' && closed.outcome.error instanceof DeadlineExceededError);
    assert.ok((await rejection(listener.accept())) instanceof DeadlineExceededError);
    listener.setDeadline(null);
    const last = watch(listener.accept());
    await turns(3);
    assert.ok(last.pending);
    await listener.close();
    await last.promise;
    assert.ok(last.outcome.state === 'rejected' && last.outcome.error instanceof ClosedError);
    assert.ok((await rejection(listener.accept())) instanceof ClosedError);
    await listener[Symbol.asyncDispose]();
    for (const conn of [only, dialled]) conn.closeNow();
  });

  test('an accept that fails gives its place back', async () => {
    const listener = await limited(1);
    for (let i = 0; i < 5; i++) {
      listener.setDeadline(new Date(Date.now() + 5));
      assert.ok((await rejection(listener.accept())) instanceof DeadlineExceededError);
    }
    listener.setDeadline(null);
    const dialled = await dialTo(listener);
    (await listener.accept()).closeNow();
    dialled.closeNow();
    await listener.close();
  });

  test('serve: never more at once, all served in the end', async () => {
    const listener = await limited(3);
    let now = 0;
    let most = 0;
    const serving = listener.serve(async (conn) => {
      most = Math.max(most, ++now);
      const line = await readExactly(conn, 5);
      await turns(2);
      await conn.write(line);
      now--;
    });
    await Promise.all(
      Array.from({ length: 30 }, async () => {
        await using conn = await dialTo(listener);
        await conn.write(text('hello'));
        assert.equal(untext(await readToEnd(conn)), 'hello');
      }),
    );
    assert.equal(most, 3);
    await listener.close();
    await serving;
  });

  test('nonsense', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    for (const most of [0, -1, 1.5, Number.NaN])
      assert.throws(() => limitListener(listener, most), RangeError);
  });
});

describe('serving, and its graceful end', () => {
  /** Errors of handlers, instead of lines on stderr. */
  async function withErrors(use: (errors: unknown[]) => Promise<void>): Promise<void> {
    const errors: unknown[] = [];
    runtime.onError = (error) => errors.push(error);
    try {
      await use(errors);
    } finally {
      runtime.onError = null;
    }
  }

  test('who is at work finishes, who is idle is told, nobody new comes in', async () => {
    const sockets = openSockets();
    let release!: () => void;
    const work = new Promise<void>((resolve) => {
      release = resolve;
    });
    const serving = startServing(await listen('tcp', '127.0.0.1:0'), async (conn, stopping) => {
      stopping.addEventListener('abort', () => conn.setReadTimeout(0));
      try {
        for await (const line of new Scanner(conn)) {
          await work;
          await conn.write(text(line));
        }
      } catch (error) {
        // An idle one that was told to end.
        if (!stopping.aborted) throw error;
      }
    });
    const address = String(serving.addr);
    const [idle, busy] = await Promise.all([dial('tcp', address), dial('tcp', address)]);
    await busy.write(text('job\n'));
    await until(() => serving.connections === 2, 'both connections');
    await turns(5);
    const shutdown = watch(serving.shutdown({ timeout: 60_000 }));
    assert.equal(untext(await readToEnd(idle)), '');
    await until(() => serving.connections === 1, 'the idle one to go');
    await assert.rejects(dial('tcp', address));
    assert.ok(shutdown.pending, 'the busy one is waited for');
    release();
    assert.equal(untext(await readToEnd(busy)), 'job');
    await shutdown.promise;
    assert.deepEqual(shutdown.outcome, { state: 'resolved', value: 0 });
    await serving.accepting;
    for (const conn of [idle, busy]) conn.closeNow();
    await socketsBackAt(sockets);
  });

  test('who does not end in time is cut off, and counted', async () => {
    await withErrors(async (errors) => {
      const sockets = openSockets();
      const serving = startServing(await listen('tcp', '127.0.0.1:0'), echo);
      const hard = startServing(await listen('tcp', '127.0.0.1:0'), async (conn) => {
        await conn.read(new Uint8Array(1));
      });
      const conns = await Promise.all(
        [serving, serving, hard].map(async (each) => {
          const conn = await dial('tcp', String(each.addr));
          if (each === serving) await roundTrip(conn);
          return conn;
        }),
      );
      await until(() => hard.connections === 1, 'the third');
      assert.equal(await serving.shutdown({ timeout: 20 }), 2);
      assert.equal(await hard.shutdown({ signal: AbortSignal.timeout(20), timeout: Infinity }), 1);
      assert.equal(await hard.shutdown({ timeout: 0 }), 0, 'again');
      for (const conn of conns) await drain(conn);
      await until(() => errors.length === 1, 'the error of the one that was reading');
      assert.ok(errors[0] instanceof ClosedError);
      for (const conn of conns) conn.closeNow();
      await socketsBackAt(sockets);
    });
  });

  test('what handlers wrote last arrives before the shutdown is through', async () => {
    const serving = startServing(await listen('tcp', '127.0.0.1:0'), async (conn, stopping) => {
      await new Promise((resolve) => stopping.addEventListener('abort', resolve));
      await conn.write(new Uint8Array(3 << 20).fill(7));
    });
    const conn = await dial('tcp', String(serving.addr));
    await until(() => serving.connections === 1, 'the connection');
    const receiving = readToEnd(conn);
    assert.equal(await serving.shutdown(), 0);
    assert.equal((await receiving).length, 3 << 20);
    conn.closeNow();
  });

  test('a handler that fails ends its connection only', async () => {
    await withErrors(async (errors) => {
      const serving = startServing(await listen('tcp', '127.0.0.1:0'), async (conn: Conn) => {
        conn.setReadTimeout(0);
        await conn.read(new Uint8Array(1));
      });
      const conn = await dial('tcp', String(serving.addr));
      assert.equal((await readToEnd(conn)).length, 0);
      await until(() => serving.connections === 0, 'the connection to be over');
      assert.ok(errors[0] instanceof DeadlineExceededError);
      assert.equal(await serving.shutdown(), 0);
      conn.closeNow();
    });
  });

  test('a connection limit in front of it', async () => {
    const listener = await limited(1);
    const serving = startServing(listener, echo);
    const first = await dialTo(listener);
    await roundTrip(first);
    const second = await dialTo(listener);
    await second.write(text('x'));
    const answer = second.read(new Uint8Array(1));
    await stillPending(answer, 'the second');
    await first.close();
    assert.equal(await answer, 1);
    await second.close();
    assert.equal(await serving.shutdown(), 0);
  });

  test('nonsense', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    assert.throws(() => startServing(listener, 'x' as never), TypeError);
    const serving = startServing(await listen('tcp', '127.0.0.1:0'), echo);
    await assert.rejects(serving.shutdown({ timeout: Number.NaN }), RangeError);
    await serving.shutdown();
  });
});
