import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { type Detached, dial, listen, type StreamConn } from 'gopark/net';
import { WaitGroup } from 'gopark/sync';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { said, thread } from '../../lib/threads.ts';

/** Echoes what it is handed, and hands on each connection after so many bytes. */
const ECHO = `
  const p = new Uint8Array(64 * 1024);
  let left = 0;
  parentPort.on('message', async (detached) => {
    if (detached === 'end') return parentPort.close();
    const conn = net.adopt(detached);
    const { most } = detached.state;
    let seen = 0;
    try {
      while (seen < most) {
        await conn.waitReadable();
        const n = conn.tryRead(p.subarray(0, 1 + Math.floor(Math.random() * 20_000)));
        if (n === null) { await conn.close(); return say({ closed: true }); }
        if (n === undefined) continue;
        seen += n;
        await conn.write(p.slice(0, n));
      }
      say(await conn.detach(detached.state));
    } catch (error) {
      say({ error: String(error?.stack ?? error) });
    }
  });
  say('up');
`;

async function pairOf(t: TestContext): Promise<{ conn: StreamConn; peer: net.Socket }> {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[net.Socket]>;
  const conn = await dial('tcp', `127.0.0.1:${(server.address() as net.AddressInfo).port}`);
  const [peer] = await accepted;
  peer.on('error', () => {});
  t.after(() => {
    server.close();
    peer.destroy();
  });
  return { conn, peer };
}

describe('detach and adopt, between threads', { timeout: 110_000, ...needs('leases') }, () => {
  test('2 MiB each way, 60 connections that change threads all the time: no byte lost, doubled or moved', async () => {
    const before = openSockets();
    const workers = [thread(ECHO, null), thread(ECHO, null), thread(ECHO, null)];
    await Promise.all(workers.map(said));
    let moves = 0;
    let closed = 0;
    const failures: string[] = [];
    let allAreClosed = () => {};
    const allClosed = new Promise<void>((resolve) => {
      allAreClosed = resolve;
    });
    const connections = 60;
    for (const worker of workers) {
      worker.on('message', (message: Detached | { closed?: true; error?: string }) => {
        if ('moved' in message) {
          moves++;
          workers[Math.floor(Math.random() * workers.length)]!.postMessage(message);
          return;
        }
        if ('error' in message) failures.push(message.error!);
        if (++closed === connections) allAreClosed();
      });
    }
    const listener = await listen('tcp', '127.0.0.1:0');
    const distributing = (async () => {
      let next = 0;
      for await (const conn of listener) {
        workers[next++ % workers.length]!.postMessage(await conn.detach({ most: 100_000 }));
      }
    })();
    const all = new WaitGroup();
    for (let i = 0; i < connections; i++) {
      all.go(async () => {
        await using client = await dial('tcp', String(listener.addr));
        const sent = randomBytes(1 << 20);
        const received = createHash('sha256');
        let count = 0;
        const reading = (async () => {
          const p = new Uint8Array(32 * 1024);
          for (let n = await client.read(p); n !== null; n = await client.read(p)) {
            received.update(p.subarray(0, n));
            count += n;
          }
        })();
        for (let at = 0; at < sent.length; ) {
          const n = Math.min(sent.length - at, 1 + Math.floor(Math.random() * 30_000));
          await client.write(sent.subarray(at, at + n));
          at += n;
        }
        await client.closeWrite();
        await reading;
        assert.equal(count, sent.length);
        assert.deepEqual(received.digest(), createHash('sha256').update(sent).digest());
      });
    }
    await all.wait();
    await allClosed;
    assert.deepEqual(failures, []);
    assert.ok(moves > connections * 5, `${moves} moves`);
    await listener.close();
    await distributing;
    for (const worker of workers) worker.postMessage('end');
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    await socketsBackAt(before);
  });

  test('a thread that dies closes what it has adopted, and what it has given away and nobody has', async (t) => {
    const adopter = thread(
      `parentPort.on('message', (detached) => { net.adopt(detached); say('adopted'); }); say('up');`,
      null,
    );
    await said(adopter);
    const first = await pairOf(t);
    const gone = once(first.peer.resume(), 'close');
    first.peer.on('end', () => first.peer.end());
    adopter.postMessage(await first.conn.detach());
    await said(adopter);
    await adopter.terminate();
    await gone;

    const server = net
      .createServer((socket) => socket.on('end', () => socket.end()).resume())
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[net.Socket]>;
    const dialler: Worker = thread(
      `const conn = await net.dial('tcp', data);
       const detached = await conn.detach();
       say('gone');
       setInterval(() => detached, 1000);`,
      `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    );
    await said(dialler);
    const [socket] = await accepted;
    const closed = once(socket, 'close');
    await dialler.terminate();
    await closed;
    server.close();
  });

  test('what nobody adopts is closed after 10 seconds', async (t) => {
    const { conn, peer } = await pairOf(t);
    const ended = once(peer.resume(), 'end');
    const since = performance.now();
    const detached = await conn.detach();
    // It keeps no process alive: here the peer's socket does.
    await ended;
    assert.ok(performance.now() - since >= 9_900);
    const { adopt } = await import('gopark/net');
    assert.throws(() => adopt(detached), { code: 'EBADF' });
  });
});
