import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';
import {
  dial,
  Multiplexer,
  type MultiplexProtocol,
  RequestLostError,
  ResponseTooLargeError,
} from 'gopark/eventloop';
import { until } from '../lib/waiting.ts';
import { quietErrors, withLoop } from './lib.ts';

interface Message {
  readonly id: number;
  readonly body: string;
}

/** Four bytes of id, two of length, then the body. */
const frames = {
  encode(body: string, writer, id) {
    const bytes = new TextEncoder().encode(body);
    const header = writer.malloc(6);
    const view = new DataView(header.buffer, header.byteOffset);
    view.setUint32(0, id);
    view.setUint16(4, bytes.length);
    writer.writeBinary(bytes);
  },
  decode(reader): Message | undefined {
    const header = reader.tryPeek(6);
    if (!header || header.length < 6) return undefined;
    const view = new DataView(header.buffer, header.byteOffset);
    const id = view.getUint32(0);
    const length = view.getUint16(4);
    if (reader.len < 6 + length) return undefined;
    reader.trySkip(6);
    return { id, body: reader.tryReadString(length)! };
  },
} satisfies MultiplexProtocol<string, Message>;
const byId: MultiplexProtocol<string, Message> = { ...frames, idOf: ({ id }) => id };

describe('Multiplexer', { timeout: 60_000 }, () => {
  /** Answers each frame with its body doubled, as `answer` says: at once, or in an order of its own. */
  async function withServer(
    order: 'in order' | 'shuffled' | 'silent' | 'once, then the end',
    use: (address: string, received: () => number) => Promise<void>,
  ): Promise<void> {
    let received = 0;
    await withLoop(
      {
        onRequest(conn) {
          const answers: Message[] = [];
          for (let message = frames.decode(conn.reader); message; message = frames.decode(conn.reader)) {
            received++;
            answers.push({ id: message.id, body: message.body + message.body });
          }
          if (order === 'silent') return;
          if (order === 'shuffled') answers.sort(() => Math.random() - 0.5);
          for (const { id, body } of order === 'once, then the end' ? answers.slice(0, 1) : answers) {
            frames.encode(body, conn.writer, id);
          }
          conn.writer.flush();
          if (order === 'once, then the end') conn.close();
        },
      },
      ({ listener }) => use(String(listener.addr), () => received),
    );
  }

  for (const [title, protocol, order] of [
    ['in order', frames, 'in order'],
    ['by id', byId, 'shuffled'],
  ] as const) {
    test(`many goroutines, each its own answer: ${title}`, async () => {
      await withServer(order, async (address) => {
        const mux = new Multiplexer(await dial('tcp', address), protocol);
        const ask = async (name: string) => {
          for (let i = 0; i < 20; i++) {
            assert.equal((await mux.call(`${name}:${i};`)).body, `${name}:${i};${name}:${i};`);
          }
        };
        await Promise.all(Array.from({ length: 50 }, (_, i) => ask(String(i))));
        assert.equal(mux.pending, 0);
        await mux.close();
      });
    });
  }

  test('N-26: first in, first out; requests of one turn arrive together', async () => {
    const batches: string[][] = [];
    await withLoop(
      {
        onRequest(conn) {
          const batch: string[] = [];
          for (let m = frames.decode(conn.reader); m; m = frames.decode(conn.reader)) batch.push(m.body);
          batches.push(batch);
          for (const body of batch) frames.encode(body, conn.writer, 0);
          conn.writer.flush();
        },
      },
      async ({ listener }) => {
        const mux = new Multiplexer(await dial('tcp', String(listener.addr)), frames);
        const calls = Array.from({ length: 100 }, (_, i) => mux.call(String(i)));
        const answers = await Promise.all(calls);
        const expected = Array.from({ length: 100 }, (_, i) => String(i));
        assert.deepEqual(batches.flat(), expected);
        // One, unless the machine is so slow that others had their turn in between.
        assert.ok(batches.length <= 10, `${batches.length} batches`);
        assert.deepEqual(
          answers.map(({ body }) => body),
          expected,
        );
        await mux.close();
      },
    );
  });

  test('a call that is aborted rejects at once; its answer is dropped, and nobody gets it', async () => {
    await withServer('in order', async (address) => {
      const mux = new Multiplexer(await dial('tcp', address), frames);
      const abort = new AbortController();
      const first = mux.call('first', { signal: abort.signal });
      const second = mux.call('second');
      await Promise.resolve();
      abort.abort(new Error('enough'));
      await assert.rejects(first, /enough/);
      assert.equal((await second).body, 'secondsecond');
      await assert.rejects(mux.call('third', { signal: AbortSignal.abort(new Error('before')) }), /before/);
      await until(() => mux.pending === 0, 'all answers');
      await mux.close();
    });
  });

  test('when the connection ends, what is under way is lost, and what comes later is refused', async () => {
    await withServer('once, then the end', async (address) => {
      const mux = new Multiplexer(await dial('tcp', address), frames);
      const calls = await Promise.allSettled([mux.call('a'), mux.call('b'), mux.call('c')]);
      assert.deepEqual(
        calls.map((call) =>
          call.status === 'fulfilled' ? call.value.body : call.reason instanceof RequestLostError,
        ),
        ['aa', true, true],
      );
      await assert.rejects(mux.call('d'), { code: 'ERR_CLOSED' });
      assert.equal(mux.pending, 0);
    });
  });

  test('closing with calls under way loses them; with a bound, callers wait for their turn', async () => {
    await withServer('silent', async (address, received) => {
      const mux = new Multiplexer(await dial('tcp', address), frames, { pending: 2 });
      const calls = ['a', 'b', 'c'].map((body) => mux.call(body));
      const outcomes = Promise.allSettled(calls);
      await until(() => received() === 2, 'the first two');
      await later(20);
      assert.equal(received(), 2);
      await mux.close();
      for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected');
    });
  });

  test('an answer to nothing ends the connection with a named error', async () => {
    const errors = quietErrors();
    await withLoop(
      {
        onConnect(conn) {
          frames.encode('unasked', conn.writer, 7);
          conn.writer.flush();
        },
        onRequest() {},
      },
      async ({ listener }) => {
        const conn = await dial('tcp', String(listener.addr));
        const mux = new Multiplexer(conn, byId);
        await until(() => !conn.isActive, 'the connection to be closed');
        assert.equal((conn.reason as { code: string }).code, 'ERR_UNEXPECTED_RESPONSE');
        assert.equal(mux.pending, 0);
      },
    );
    errors.restore();
  });

  test('what encode throws is the call’s, and nothing of it is sent', async () => {
    await withServer('in order', async (address) => {
      const mux = new Multiplexer<string, Message>(await dial('tcp', address), {
        ...frames,
        encode(body, writer, id) {
          frames.encode(body, writer, id);
          if (body === 'bad') throw new RangeError('bad request');
        },
      });
      const [good, bad, better] = await Promise.allSettled([
        mux.call('good'),
        mux.call('bad'),
        mux.call('better'),
      ]);
      assert.equal(good.status === 'fulfilled' && good.value.body, 'goodgood');
      assert.match(String((bad as PromiseRejectedResult).reason), /bad request/);
      assert.equal(better.status === 'fulfilled' && better.value.body, 'betterbetter');
      await mux.close();
    });
  });

  const lines: MultiplexProtocol<string, string> = {
    encode: (request, writer) => writer.writeString(`${request}\n`),
    decode(reader) {
      const end = reader.indexOf(10);
      return end < 0 ? undefined : reader.tryReadString(end + 1)!.trimEnd();
    },
  };
  /** Looks at all there is in one piece: so that all of it is lent while more is asked for. */
  const peekedLines: MultiplexProtocol<string, string> = {
    ...lines,
    decode(reader) {
      const end = reader.tryPeek(reader.len)?.indexOf(10) ?? -1;
      return end < 0 ? undefined : reader.tryReadString(end + 1)!.trimEnd();
    },
  };

  /** Answers `n` with a line of `n` bytes. */
  const withLengths = (use: (address: string) => Promise<void>) =>
    withLoop(
      {
        onRequest(conn) {
          for (let line = lines.decode(conn.reader); line; line = lines.decode(conn.reader)) {
            conn.writer.writeString(`${'x'.repeat(Number(line))}\n`);
          }
          conn.writer.flush();
        },
      },
      ({ listener }) => use(String(listener.addr)),
    );

  for (const [title, protocol] of [
    ['looked at where they lie', lines],
    ['looked at in one piece', peekedLines],
  ] as const) {
    test(`responses far above readHighWater come in whole: ${title}`, async () => {
      await withLengths(async (address) => {
        const mux = new Multiplexer(await dial('tcp', address, { readHighWater: 64 * 1024 }), protocol);
        const sizes = [10, 100_000, 2_000_000, 10, 300_000];
        const answers = await Promise.all(sizes.map((size) => mux.call(String(size))));
        assert.deepEqual(
          answers.map(({ length }) => length),
          sizes,
        );
        await mux.close();
      });
    });
  }

  test('a response above maxResponse loses all calls with a named error; one that just fits does not', async () => {
    const errors = quietErrors();
    await withLengths(async (address) => {
      const limits = { maxResponse: 1_000_000 };
      const mux = new Multiplexer(await dial('tcp', address), lines, limits);
      assert.equal((await mux.call('999999')).length, 999_999);
      const outcomes = await Promise.allSettled([mux.call('1200000'), mux.call('1')]);
      for (const outcome of outcomes) {
        assert.ok(outcome.status === 'rejected' && outcome.reason instanceof RequestLostError);
        const { cause } = outcome.reason;
        assert.ok(cause instanceof ResponseTooLargeError, String(cause));
        assert.equal(cause.limit, 1_000_000);
      }
      const conn = await dial('tcp', address);
      assert.throws(() => new Multiplexer(conn, lines, { maxResponse: 0 }), /maxResponse/);
      conn.closeNow();
    });
    assert.equal(errors.seen.length, 1);
    errors.restore();
  });
});
