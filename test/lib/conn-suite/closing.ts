import assert from 'node:assert/strict';
import { ClosedError } from 'gopark/net';
import { sameBytes, text } from '../bytes.ts';
import { code, readToEnd } from '../peers.ts';
import { rejection, turns, watch } from '../waiting.ts';
import { huge, type Row } from './row.ts';

export function closing(row: Row): void {
  row('C-3 after close reads and writes fail with ClosedError, and so do the setters', async (a) => {
    await a.close();
    for (const call of [
      a.read(new Uint8Array(1)),
      a.read(new Uint8Array(0)),
      a.write(new Uint8Array(1)),
      a.write(new Uint8Array(0)),
    ]) {
      const error = await rejection(call);
      assert.ok(error instanceof ClosedError, String(error));
      assert.equal(code(error), 'ERR_CLOSED');
      assert.equal(error.timeout, false);
      assert.match(error.message, /use of closed network connection/);
    }
    const setters: ((value: null) => void)[] = [
      (value) => a.setDeadline(value),
      (value) => a.setReadDeadline(value),
      (value) => a.setWriteDeadline(value),
      (value) => a.setTimeout(value),
      (value) => a.setReadTimeout(value),
      (value) => a.setWriteTimeout(value),
    ];
    for (const set of setters) assert.throws(() => set(null), ClosedError);
  });

  row('C-12 close: a second one rejects with ClosedError; closeNow and dispose do not mind', async (a) => {
    const first = a.close();
    const second = await rejection(a.close());
    assert.ok(second instanceof ClosedError);
    assert.equal(second.op, 'close');
    await first;
    assert.ok((await rejection(a.close())) instanceof ClosedError);
    a.closeNow();
    a.closeNow();
    await a[Symbol.asyncDispose]();
    await a[Symbol.asyncDispose]();
  });

  row('I-3 close wakes every waiting call, parked or queued, in both directions', async (a) => {
    const calls = [
      ...Array.from({ length: 5 }, () => a.read(new Uint8Array(1))),
      a.write(huge()),
      ...Array.from({ length: 5 }, () => a.write(text('x'))),
    ].map(watch);
    await turns(3);
    assert.ok(calls.every((call) => call.pending));
    a.closeNow();
    await Promise.all(calls.map((call) => call.promise));
    for (const call of calls) {
      assert.ok(call.outcome.state === 'rejected' && call.outcome.error instanceof ClosedError);
      assert.equal(call.settlements, 1);
    }
  });

  row('close fails new calls at once, in the same turn', async (a) => {
    const closing = a.close();
    assert.ok((await rejection(a.write(text('late')))) instanceof ClosedError);
    assert.ok((await rejection(a.read(new Uint8Array(1)))) instanceof ClosedError);
    await closing;
  });

  row(
    'await using closes, and what was written arrives',
    async (a, b) => {
      {
        await using conn = a;
        await conn.write(text('goodbye'));
      }
      sameBytes(await readToEnd(b), text('goodbye'));
      assert.ok((await rejection(a.read(new Uint8Array(1)))) instanceof ClosedError);
    },
    ['buffered'],
  );

  row('addresses stay known after close, and are the same objects', async (a) => {
    const { localAddr, remoteAddr } = a;
    const texts = [String(localAddr), String(remoteAddr)];
    await a.close();
    assert.equal(a.localAddr, localAddr);
    assert.equal(a.remoteAddr, remoteAddr);
    assert.deepEqual([String(a.localAddr), String(a.remoteAddr)], texts);
  });
}
