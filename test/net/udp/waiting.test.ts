import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ClosedError, DeadlineExceededError, dial, listenPacket, OpError } from 'gopark/net';
import { stack } from 'gopark/runtime';
import { text, untext } from '../../lib/bytes.ts';
import { runChild } from '../../lib/child.ts';
import { openSockets, socketsBackAt } from '../../lib/descriptors.ts';
import { needs } from '../../lib/needs.ts';
import { rejection, stillPending, turns, until, watch } from '../../lib/waiting.ts';
import { datagram, room, udpPair } from './lib.ts';

const LONG_AGO = new Date(0);

describe('UDP: deadlines', () => {
  test('T-8 expired when it starts: fails twice with data waiting, and nothing is lost', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    await client.write(text('waits'));
    const p = new Uint8Array(10);
    server.setReadDeadline(LONG_AGO);
    for (const call of [
      () => server.receive(p),
      () => server.read(p),
      () => server.receiveBatch(room(2)),
      () => server.receive(new Uint8Array(0)),
    ]) {
      for (let i = 0; i < 2; i++) {
        const error = await rejection(call());
        assert.ok(error instanceof DeadlineExceededError);
        assert.equal(error.timeout, true);
        assert.equal(error.op, 'read');
      }
    }
    server.setReadDeadline(null);
    assert.equal(await server.read(p), 5);
  });

  test('T-8 the timer of a parked receive', async () => {
    await using pair = await udpPair();
    const start = performance.now();
    pair.server.setReadTimeout(30);
    const error = await rejection(pair.server.receive(new Uint8Array(10)));
    assert.ok(error instanceof DeadlineExceededError);
    assert.ok(performance.now() - start >= 29);
    pair.server.setReadTimeout(null);
    await pair.client.write(text('x'));
    assert.equal((await pair.server.receive(new Uint8Array(10)))[0], 1);
  });

  test('set into the past while somebody waits; moved forward before the waiter ran: no timeout', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const struck = rejection(server.receive(new Uint8Array(10)));
    await turns(2);
    server.setReadDeadline(LONG_AGO);
    assert.ok((await struck) instanceof DeadlineExceededError);
    server.setReadDeadline(null);
    const spared = server.receive(new Uint8Array(10));
    await turns(2);
    server.setReadDeadline(LONG_AGO);
    server.setReadTimeout(60_000);
    await turns(5);
    await client.write(text('x'));
    assert.equal((await spared)[0], 1);
  });

  test('T-7 a write deadline does not touch a reader, a read deadline no writer', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    client.setDeadline(LONG_AGO);
    client.setWriteDeadline(null);
    assert.equal(await client.write(text('x')), 1);
    server.setDeadline(LONG_AGO);
    server.setReadDeadline(null);
    assert.equal(await server.read(new Uint8Array(4)), 1);
  });

  test('T-9 an expired write deadline: nothing goes, although there is room', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    client.setWriteDeadline(LONG_AGO);
    server.setWriteTimeout(0);
    for (const call of [
      () => client.write(text('x')),
      () => client.sendBatch([datagram(text('x'))]),
      () => server.send(text('x'), client.localAddr),
    ]) {
      const error = await rejection(call());
      assert.ok(error instanceof DeadlineExceededError);
      assert.equal(error.op, 'write');
    }
    client.setWriteDeadline(null);
    await client.write(text('only this'));
    const p = new Uint8Array(20);
    assert.equal(untext(p.subarray(0, await server.read(p))), 'only this');
  });

  test('those in the queue behind a receiver obey the deadline, too', async () => {
    await using pair = await udpPair();
    const all = [0, 1, 2].map(() => rejection(pair.server.receive(new Uint8Array(4))));
    await turns(2);
    pair.server.setReadTimeout(20);
    for (const error of await Promise.all(all)) assert.ok(error instanceof DeadlineExceededError);
  });

  test('what is no instant is refused', async () => {
    await using pair = await udpPair();
    assert.throws(() => pair.server.setDeadline(new Date(Number.NaN)), RangeError);
    assert.throws(() => pair.server.setTimeout(Number.NaN), RangeError);
    assert.throws(() => pair.server.setDeadline('soon' as never), TypeError);
  });
});

describe('UDP: signals', () => {
  test('one that has fired, and one that fires while the call waits', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const reason = new Error('enough');
    const fired = { signal: AbortSignal.abort(reason) };
    await client.write(text('kept'));
    for (const call of [
      server.receive(new Uint8Array(4), fired),
      server.read(new Uint8Array(4), fired),
      server.receiveBatch(room(1), fired),
      client.write(text('x'), fired),
      client.sendBatch([datagram(text('x'))], fired),
    ]) {
      assert.equal(await rejection(call), reason);
    }
    assert.equal(await server.read(new Uint8Array(10)), 4);
    const stop = new AbortController();
    const waiting = rejection(server.receive(new Uint8Array(4), stop));
    const behind = server.receive(new Uint8Array(4));
    await turns(2);
    stop.abort(reason);
    assert.equal(await waiting, reason);
    await client.write(text('x'));
    assert.equal((await behind)[0], 1, 'who waited behind has its turn');
  });

  test('a cancelled receive loses no datagram, a hundred times', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    const got: string[] = [];
    const p = new Uint8Array(10);
    for (let i = 0; i < 100; i++) {
      const stop = new AbortController();
      const receiving = watch(server.receive(p, stop));
      await client.write(text(String(i)));
      if (i % 3 > 0) await turns(i % 3);
      stop.abort();
      await receiving.promise;
      const { outcome } = receiving;
      if (outcome.state === 'resolved') got.push(untext(p.subarray(0, outcome.value[0])));
    }
    while (got.length < 100) got.push(untext(p.subarray(0, (await server.receive(p))[0])));
    assert.deepEqual(
      got,
      Array.from({ length: 100 }, (_, i) => String(i)),
    );
  });
});

describe('UDP: many at once', () => {
  test('receivers are served in their order', async () => {
    await using pair = await udpPair();
    const buffers = Array.from({ length: 20 }, () => new Uint8Array(10));
    const waiting = buffers.map((p, i) =>
      i % 2 === 0 ? pair.server.read(p) : pair.server.receive(p).then(([n]) => n),
    );
    await turns(2);
    for (let i = 0; i < 20; i++) await pair.client.write(text(String(i)));
    const lengths = await Promise.all(waiting);
    assert.deepEqual(
      buffers.map((p, i) => untext(p.subarray(0, lengths[i]!))),
      buffers.map((_, i) => String(i)),
    );
  });

  test('senders: what one goroutine sends comes in its order', async () => {
    await using pair = await udpPair();
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        for (let i = 0; i < 20; i++) await pair.client.write(text(`${name}${i}`));
      }),
    );
    const next: Record<string, number> = { a: 0, b: 0, c: 0 };
    const p = new Uint8Array(10);
    for (let i = 0; i < 60; i++) {
      const word = untext(p.subarray(0, await pair.server.read(p)));
      assert.equal(Number(word.slice(1)), next[word[0]!]!++);
    }
  });

  test('a reader that always finds something lets others have their turn', async () => {
    await using pair = await udpPair();
    const { server, client } = pair;
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    const p = new Uint8Array(10);
    const end = performance.now() + 5000;
    while (!turned && performance.now() < end) {
      await client.write(text('x'));
      await server.receive(p);
    }
    assert.ok(turned);
  });
});

describe('UDP: closing', () => {
  test('C-10 close wakes who waits, and fails who comes later (C-5)', async () => {
    const { server, client } = await udpPair();
    const waiting = [
      server.receive(new Uint8Array(4)),
      server.read(new Uint8Array(4)),
      server.receiveBatch(room(3)),
    ].map((call) => rejection(call));
    await turns(2);
    await server.close();
    for (const error of await Promise.all(waiting)) {
      assert.ok(error instanceof ClosedError);
      assert.equal(error.op, 'read');
    }
    for (const call of [
      () => server.receive(new Uint8Array(4)),
      () => server.read(new Uint8Array(0)),
      () => server.receiveBatch([]),
      () => server.send(text('x'), client.localAddr),
      () => server.sendBatch([]),
    ]) {
      assert.ok((await rejection(call())) instanceof ClosedError);
    }
    assert.throws(() => server.setReadTimeout(5), ClosedError);
    await client.close();
  });

  test('C-12 a second and a third close reject; dispose and closeNow do not mind', async () => {
    const { server, client } = await udpPair();
    await server.close();
    for (let i = 0; i < 2; i++) assert.ok((await rejection(server.close())) instanceof ClosedError);
    await server[Symbol.asyncDispose]();
    server.closeNow();
    client.closeNow();
    client.closeNow();
    assert.ok((await rejection(client.close())) instanceof ClosedError);
  });

  test('what was received ahead goes with the socket; the descriptor is closed when close resolves', async () => {
    const before = openSockets();
    const { server, client } = await udpPair();
    for (let i = 0; i < 10; i++) await client.write(text('x'));
    await server.receive(new Uint8Array(4));
    await server.close();
    assert.ok((await rejection(server.receive(new Uint8Array(4)))) instanceof ClosedError);
    await client.close();
    await socketsBackAt(before);
  });

  test('closed right after it was opened, and while others are', async () => {
    const before = openSockets();
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const conn = await listenPacket('udp4', '127.0.0.1:0');
        if (i % 2 === 0) conn.closeNow();
        else await conn.close();
      }),
    );
    await socketsBackAt(before);
  });
});

describe('UDP: ICMP errors', () => {
  /** An address where nobody listens. */
  async function nobody(): Promise<string> {
    const conn = await listenPacket('udp4', '127.0.0.1:0');
    const address = String(conn.localAddr);
    await conn.close();
    return address;
  }

  test('connected: ECONNREFUSED at the read that waits, and the socket goes on', async () => {
    const address = await nobody();
    await using conn = await dial('udp4', address);
    const waiting = rejection(conn.read(new Uint8Array(4)));
    await turns(2);
    await conn.write(text('x'));
    const error = await waiting;
    assert.ok(error instanceof OpError);
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(error.op, 'read');
    assert.equal(String(error.addr), address);
    await using server = await listenPacket('udp4', address);
    await conn.write(text('now'));
    const p = new Uint8Array(10);
    const [n, from] = await server.receive(p);
    assert.equal(n, 3);
    await server.send(text('ok'), from!);
    assert.equal(await conn.read(p), 2);
  });

  test('connected: also at a receive and a batch that come later', async () => {
    for (const later of ['receive', 'batch'] as const) {
      await using conn = await dial('udp4', await nobody());
      await conn.write(text('x'));
      await turns(3);
      const error = await rejection(
        later === 'receive' ? conn.receive(new Uint8Array(4)) : conn.receiveBatch(room(4)),
      );
      assert.equal(error.code, 'ECONNREFUSED', later);
    }
  });

  test('connected: a later write is told, too, and sends nothing then', needs('datagramBatch'), async () => {
    await using conn = await dial('udp4', await nobody());
    await conn.write(text('x'));
    const error = await rejection(conn.write(text('y')));
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(error.op, 'write');
  });

  test('unconnected: nobody is told, as in Go', async () => {
    const address = await nobody();
    await using conn = await listenPacket('udp4', '127.0.0.1:0');
    for (let i = 0; i < 5; i++) await conn.send(text('x'), address);
    await stillPending(
      conn.receive(new Uint8Array(4)).catch(() => {}),
      'receive',
    );
  });

  test('peerErrors: a receive says whom it is about; sends to others go', needs('peerErrors'), async () => {
    const address = await nobody();
    await using server = await listenPacket('udp4', '127.0.0.1:0', { peerErrors: true });
    await using good = await dial('udp4', String(server.localAddr));
    const waiting = rejection(server.receive(new Uint8Array(4)));
    await turns(2);
    await server.send(text('x'), address);
    const error = await waiting;
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(String(error.addr), address);
    // With nobody waiting, the next send would be told: it is not its own failure.
    for (let i = 0; i < 3; i++) {
      await server.send(text('x'), address);
      assert.equal(await server.send(text('good'), good.localAddr), 4);
      assert.equal(await good.read(new Uint8Array(10)), 4);
    }
    for (let i = 0; i < 3; i++) {
      const told = await rejection(server.receive(new Uint8Array(4)));
      assert.equal(String(told.addr), address);
    }
    await good.write(text('still'));
    assert.equal((await server.receive(new Uint8Array(10)))[0], 5);
  });

  test('peerErrors of a dual-stack socket', needs('peerErrors'), async () => {
    const address = await nobody();
    await using server = await listenPacket('udp', ':0', { peerErrors: true });
    await server.send(text('x'), address);
    const error = await rejection(server.receive(new Uint8Array(4)));
    assert.equal(error.code, 'ECONNREFUSED');
    assert.equal(String(error.addr), address);
  });
});

describe('UDP: the process', () => {
  test('a socket that nobody uses keeps no process alive, one that is read from does', async () => {
    const { code, stdout } = await runChild(`
      import { dial, listenPacket } from 'gopark/net';
      const idle = await listenPacket('udp', '127.0.0.1:0');
      const server = await listenPacket('udp', '127.0.0.1:0');
      const client = await dial('udp', String(server.localAddr));
      const reading = server.receive(new Uint8Array(10));
      setTimeout(() => client.write(new Uint8Array(3)), 50).unref();
      console.log((await reading)[0]);
    `);
    assert.equal(stdout, '3\n');
    assert.equal(code, 0);
  });

  test('a datagram that was sent is gone before process.exit', needs('datagramBatch'), async () => {
    await using server = await listenPacket('udp4', '127.0.0.1:0');
    const ended = runChild(
      `import { dial } from 'gopark/net';
       const conn = await dial('udp', process.argv[1]);
       conn.write(new Uint8Array(7));
       process.exit(0);`,
      { args: [String(server.localAddr)] },
    );
    assert.equal((await server.receive(new Uint8Array(10)))[0], 7);
    assert.equal((await ended).code, 0);
  });

  test('a worker that is terminated while it receives leaves nothing behind', async () => {
    const before = openSockets();
    const worker = new Worker(new URL('fixtures/worker.js', import.meta.url));
    const [address] = await once(worker, 'message');
    await using client = await dial('udp4', address);
    for (let i = 0; i < 100; i++) await client.write(text('x'));
    await worker.terminate();
    await client.close();
    await socketsBackAt(before);
  });

  test('the dump names who waits', async () => {
    await using pair = await udpPair();
    const waiting = pair.client.receive(new Uint8Array(4)).catch(() => {});
    await until(
      () => stack().includes(`receive udp4 ${pair.client.localAddr}->${pair.server.localAddr}`),
      'the dump',
    );
    await pair.client.close();
    await waiting;
  });
});
