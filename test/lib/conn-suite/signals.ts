import assert from 'node:assert/strict';
import { OpError } from 'gopark/net';
import { pattern, sameBytes, text } from '../bytes.ts';
import { echo, readExactly, readToEnd, roundTrip } from '../peers.ts';
import { rejection, stillPending, turns, watch } from '../waiting.ts';
import { HUGE, huge, type Row } from './row.ts';

export function signals(row: Row): void {
  row('aborted before the call: rejects with the reason, and touches nothing', async (a, b) => {
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    assert.equal(await rejection(a.read(new Uint8Array(1), { signal })), reason);
    assert.equal(await rejection(a.write(text('lost'), { signal })), reason);
    void echo(b);
    await roundTrip(a);
  });

  row(
    'aborted while waiting: the read rejects with the reason, the next read gets the bytes',
    async (a, b) => {
      const controller = new AbortController();
      const reading = a.read(new Uint8Array(4), { signal: controller.signal });
      reading.catch(() => {});
      await turns(3);
      const reason = new Error('enough');
      controller.abort(reason);
      assert.equal(await rejection(reading), reason);
      const writing = b.write(text('late'));
      sameBytes(await readExactly(a, 4), text('late'));
      await writing;
    },
  );

  row('aborted in the same turn as bytes arrive: nothing is lost', async (a, b) => {
    for (let i = 0; i < 50; i++) {
      const controller = new AbortController();
      const p = new Uint8Array(1);
      const reading = a.read(p, { signal: controller.signal });
      const byte = Uint8Array.of(i);
      const writing = b.write(byte);
      if (i % 3 === 0) await turns(i % 5);
      controller.abort(new Error('race'));
      let got: number | null;
      try {
        assert.equal(await reading, 1);
        got = p[0]!;
      } catch (error) {
        assert.equal((error as Error).message, 'race');
        got = (await readExactly(a, 1))[0]!;
      }
      assert.equal(got, i);
      await writing;
    }
  });

  row('aborted after the call: no effect', async (a, b) => {
    const controller = new AbortController();
    const { signal } = controller;
    const writing = b.write(text('x'));
    assert.equal(await a.read(new Uint8Array(1), { signal }), 1);
    await writing;
    const receiving = readExactly(b, 1);
    await a.write(text('y'), { signal });
    sameBytes(await receiving, text('y'));
    controller.abort();
    const late = a.read(new Uint8Array(1));
    late.catch(() => {});
    await stillPending(late, 'a later read');
  });

  row('queued readers and writers obey their own signal only', async (a, b) => {
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const buffers = controllers.map(() => new Uint8Array(1));
    const reads = controllers.map(({ signal }, i) => watch(a.read(buffers[i]!, { signal })));
    const writes = [
      watch(a.write(huge(), { signal: controllers[0]!.signal })),
      watch(a.write(text('second'), { signal: controllers[1]!.signal })),
    ];
    await turns(3);
    controllers[1]!.abort('second only');
    await turns(3);
    assert.deepEqual(
      reads.map((read) => read.outcome.state),
      ['pending', 'rejected', 'pending'],
    );
    assert.deepEqual(
      writes.map((write) => write.outcome.state),
      ['pending', 'rejected'],
    );
    controllers[0]!.abort('first');
    await turns(3);
    assert.deepEqual(
      reads.map((read) => read.outcome.state),
      ['rejected', 'rejected', 'pending'],
    );
    await b.write(text('z'));
    await reads[2]!.promise;
    assert.deepEqual(reads[2]!.outcome, { state: 'resolved', value: 1 });
  });

  row(
    'a write aborted in the middle counts what went, and exactly that arrives',
    async (a, b) => {
      const controller = new AbortController();
      const sent = pattern(1 << 20);
      const big = new Uint8Array(HUGE / 2);
      for (let at = 0; at < big.length; at += sent.length) big.set(sent, at);
      const writing = a.write(big, { signal: controller.signal });
      writing.catch(() => {});
      await turns(5);
      const reason = new Error('enough');
      controller.abort(reason);
      const error = await rejection(writing);
      assert.ok(error instanceof OpError);
      assert.equal(error.code, 'ERR_ABORTED');
      assert.equal(error.cause, reason);
      const count = error.bytesWritten!;
      assert.ok(count > 0 && count < big.length);
      const closing = a.close();
      sameBytes(await readToEnd(b), big.subarray(0, count));
      await closing;
    },
    ['socket'],
  );
}
