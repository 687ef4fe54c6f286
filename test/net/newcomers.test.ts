import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { listen, OpError, type TCPConn } from 'gopark/net';
import { holdThread, mostAtATime } from '../lib/holding.ts';
import { needs } from '../lib/needs.ts';
import { rejection, until } from '../lib/waiting.ts';

describe('a connection that has just been accepted', { timeout: 30_000 }, () => {
  test('reads what was there before it, and is woken by what comes', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const raw = connect(listener.addr.port, '127.0.0.1');
    await new Promise((resolve) => raw.write('first', resolve));
    await using conn = await listener.accept();
    const p = new Uint8Array(10);
    assert.equal(await conn.read(p), 5);
    const second = conn.read(p);
    raw.write('second');
    assert.equal(await second, 6);
    raw.destroy();
  });

  test('that its peer has reset says so, and whose it was, also when nobody has asked before it was closed', async () => {
    for (const bound of ['127.0.0.1:0', ':0']) {
      const listener = await listen('tcp', bound);
      const conns: TCPConn[] = [];
      const errors: unknown[] = [];
      const serving = listener.serve(async (conn) => {
        conns.push(conn);
        const p = new Uint8Array(10);
        for (let n: number | null = 1; n !== null; ) {
          try {
            n = await conn.read(p);
          } catch (error) {
            errors.push(error);
            return;
          }
        }
      });
      const quiet = connect(listener.addr.port, '127.0.0.1');
      await once(quiet, 'connect');
      await until(() => conns.length === 1, 'it is served');
      const port = quiet.localPort;
      quiet.end();
      await until(() => conns[0]!.fd.closed, 'it is closed');
      assert.equal(String(conns[0]!.remoteAddr), `127.0.0.1:${port}`);
      const raw = connect(listener.addr.port, '127.0.0.1');
      await once(raw, 'connect');
      await until(() => conns.length === 2, 'it is served');
      raw.resetAndDestroy();
      await until(() => errors.length === 1, 'the reset is told');
      const [error] = errors;
      assert.ok(error instanceof OpError && error.code === 'ECONNRESET', String(error));
      assert.equal(error.addr, conns[1]!.remoteAddr);
      assert.match(error.message, /^read tcp 127\.0\.0\.1:\d+->127\.0\.0\.1:\d+: /);
      await until(() => conns[1]!.fd.closed, 'it is closed');
      assert.equal((await rejection(conns[1]!.read(new Uint8Array(1)))).addr, conns[1]!.remoteAddr);
      await listener.close();
      await serving;
    }
  });

  test('keeps nobody else from their turn, however many bring work along', needs('poll'), async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const raws = Array.from({ length: 60 }, () => connect(listener.addr.port, '127.0.0.1'));
    await Promise.all(raws.map((raw) => new Promise((resolve) => raw.write('work', resolve))));
    let served = 0;
    const serving = listener.serve(async (conn) => {
      const p = new Uint8Array(10);
      await conn.read(p);
      holdThread(11);
      served++;
      await conn.read(p);
    });
    const most = await mostAtATime(() => served, 60);
    assert.ok(most <= 20, `${most} at a time`);
    for (const raw of raws) raw.end();
    await listener.close();
    await serving;
  });
});
