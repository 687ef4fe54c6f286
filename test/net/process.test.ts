import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { listen, type TCPConn, type TCPListener } from 'gopark/net';
import type { Capability } from '#dist/poll/driver.js';
import { text, untext } from '../lib/bytes.ts';
import { runChild } from '../lib/child.ts';
import { openDescriptors, openSockets } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { drain, readToEnd } from '../lib/peers.ts';
import { until } from '../lib/waiting.ts';

/** A listener of this process for a child or a worker to dial; what each connection sent until its end. */
async function withSink(use: (listener: TCPListener, sent: string[]) => Promise<void>): Promise<void> {
  const listener = await listen('tcp', '127.0.0.1:0');
  const sent: string[] = [];
  const serving = listener.serve(async (conn) => {
    sent.push(untext(await readToEnd(conn)));
  });
  try {
    await use(listener, sent);
  } finally {
    await listener.close();
    await serving;
  }
}

function worker(role: string, listener: TCPListener): Worker {
  return new Worker(new URL('./fixtures/worker.js', import.meta.url), {
    workerData: { role, address: String(listener.addr) },
  });
}

describe('process: the end', () => {
  for (const [title, ending] of [
    ['process.exit(0)', 'process.exit(0);'],
    [
      'process.exit in a timer',
      'setTimeout(() => { void conn.write(bytes("!")); process.exit(0); }, 5); await conn.read(new Uint8Array(1));',
    ],
    [
      'an uncaught exception',
      'setImmediate(() => { throw new Error("oops"); }); await conn.read(new Uint8Array(1));',
    ],
    ['the end of the program', ''],
    [
      'a write in an exit handler',
      'process.on("exit", () => { void conn.write(bytes("!")); }); process.exit(0);',
    ],
  ] as const) {
    test(`write(); ${title}: it arrives`, async () => {
      await withSink(async (listener, sent) => {
        await runChild(
          `import { dial } from 'gopark/net';
          const bytes = (text) => new TextEncoder().encode(text);
          const conn = await dial('tcp', '${listener.addr}');
          void conn.write(bytes('last words'));
          ${ending}`,
        );
        await until(() => sent.length === 1, 'the connection to end');
        assert.match(sent[0]!, ending.includes('"!"') ? /^last words!$/ : /^last words$/);
      });
    });
  }

  test('nothing left to wait for: the process ends, although a listener and connections are open', async () => {
    const ended = await runChild(
      `import { dial, listen } from 'gopark/net';
      const listener = await listen('tcp', '127.0.0.1:0');
      const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
      await a.write(new Uint8Array(10));
      await b.read(new Uint8Array(10));
      a.setReadTimeout(60_000);
      console.log('done');`,
    );
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, 'done\n');
  });

  for (const [title, wait, ...needed] of [
    ['read', 'a.read(new Uint8Array(1))'],
    ['large read', 'a.read(new Uint8Array(65536))'],
    ['waitReadable', 'a.waitReadable()'],
    ['accept', 'listener.accept()'],
    ['queued read', '(a.read(new Uint8Array(1)), a.read(new Uint8Array(1)))'],
    // Without direct sends a part of it is in the chain, and that does keep the process alive.
    ['write', 'a.write(new Uint8Array(64 * 1024 * 1024))', 'direct'],
    ['flush', '(a.write(new Uint8Array(64 * 1024 * 1024)), a.flush())', 'direct'],
  ] as [string, string, ...Capability[]][]) {
    test(
      `a waiting ${title} keeps the process alive, and only as long as it waits`,
      needs(...needed),
      async () => {
        const ended = await runChild(
          `import { dial, listen } from 'gopark/net';
        const listener = await listen('tcp', '127.0.0.1:0');
        const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
        process.on('unhandledRejection', () => {});
        setTimeout(() => { console.log('awake'); a.setDeadline(new Date(0)); listener.setDeadline(new Date(0)); }, 60).unref();
        try { await ${wait}; } catch (error) { console.log(error.code); }`,
        );
        assert.equal(ended.code, 0, ended.stderr);
        assert.equal(ended.stdout, 'awake\nERR_DEADLINE_EXCEEDED\n');
      },
    );
  }

  test('what was aborted, timed out or closed keeps nothing alive', async () => {
    const ended = await runChild(
      `import { dial, listen } from 'gopark/net';
      const listener = await listen('tcp', '127.0.0.1:0');
      const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
      for (let i = 0; i < 20; i++) {
        const controller = new AbortController();
        const calls = [a.read(new Uint8Array(1), controller), listener.accept(controller), a.waitReadable(controller), a.write(new Uint8Array(64 << 20), controller)];
        if (i % 2) await new Promise(setImmediate);
        controller.abort();
        await Promise.allSettled(calls);
        a.setReadTimeout(1);
        await a.read(new Uint8Array(65536)).catch(() => {});
        a.setReadTimeout(null);
      }
      b.read(new Uint8Array(1)).catch(() => {});
      b.closeNow();
      console.log('done');`,
    );
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, 'done\n');
  });

  test('bytes that the kernel refused keep the process alive until they have gone', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const accepting = listener.accept();
    const ended = runChild(
      `import { dial } from 'gopark/net';
      const conn = await dial('tcp', '${listener.addr}');
      const p = new Uint8Array(4096);
      let total = 0;
      for (let idle = 0; idle < 5; ) {
        if (conn.tryWrite(p)) { total += p.length; idle = 0; }
        else { idle++; await new Promise(setImmediate); }
      }
      console.log(total);`,
    );
    const conn = await accepting;
    await new Promise((resolve) => setTimeout(resolve, 400));
    const received = await drain(conn);
    const { stdout, code } = await ended;
    assert.equal(code, 0);
    assert.equal(received, Number(stdout));
    conn.closeNow();
    await listener.close();
  });
});

describe('process: beside others', () => {
  test('timers, files, http, promises and workers work beside waiting calls', async () => {
    const ended = await runChild(
      `import { dial, listen } from 'gopark/net';
      import { readFile } from 'node:fs/promises';
      import { createServer, get } from 'node:http';
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      const listener = await listen('tcp', '127.0.0.1:0');
      listener.serve(async (conn) => {
        const p = new Uint8Array(1024);
        for (let n = await conn.read(p); n !== null; n = await conn.read(p)) await conn.write(p.subarray(0, n));
      });
      const conn = await dial('tcp', String(listener.addr));
      let trips = 0;
      let running = true;
      const talking = (async () => {
        const p = new Uint8Array(64);
        while (running) { await conn.write(p); await conn.read(p); trips++; }
      })();
      let ticks = 0;
      const interval = setInterval(() => ticks++, 5);
      const server = createServer((_, response) => response.end('http')).listen(0);
      await once(server, 'listening');
      for (let i = 0; i < 5; i++) {
        const [response] = await once(get({ port: server.address().port }), 'response');
        for await (const chunk of response) if (String(chunk) !== 'http') throw new Error('http');
        if ((await readFile('package.json', 'utf8')).length < 10) throw new Error('fs');
      }
      const [code] = await once(new Worker('0', { eval: true }), 'exit');
      await new Promise((resolve) => setTimeout(resolve, 50));
      running = false;
      await talking;
      clearInterval(interval);
      server.close();
      server.closeAllConnections();
      await conn.close();
      await listener.close();
      console.log(code, trips > 100, ticks > 5);`,
    );
    assert.equal(ended.stdout, '0 true true\n', ended.stderr);
    assert.equal(ended.code, 0);
  });

  test('a spawned child inherits none of our sockets', async () => {
    await using listener = await listen('tcp', '127.0.0.1:0');
    const { dial } = await import('gopark/net');
    await using a = await dial('tcp', String(listener.addr));
    await using b = await listener.accept();
    const inodes = openDescriptors()
      .filter((entry) => entry.includes('socket:'))
      .map((entry) => entry.split(' ')[1]!);
    assert.ok(inodes.length >= 3);
    const ended = await runChild(
      `import { readdirSync, readlinkSync } from 'node:fs';
      for (const name of readdirSync('/proc/self/fd')) {
        try { console.log(readlinkSync('/proc/self/fd/' + name)); } catch {}
      }`,
    );
    for (const inode of inodes) assert.ok(!ended.stdout.includes(inode), `${inode} in ${ended.stdout}`);
    // The epoll set is ours alone as well: the child has its own loop's only.
    await a.write(text('x'));
    assert.equal(await b.read(new Uint8Array(1)), 1);
  });
});

describe('process: workers', () => {
  test('write(); process.exit() in a worker arrives', async () => {
    await withSink(async (listener, sent) => {
      const [code] = await once(worker('write and exit', listener), 'exit');
      assert.equal(code, 0);
      await until(() => sent.length === 1, 'the connection to end');
      assert.equal(sent[0], 'last words');
    });
  });

  test('write(); worker.terminate() arrives', needs('terminate'), async () => {
    await withSink(async (listener, sent) => {
      const thread = worker('write and be terminated', listener);
      await once(thread, 'message');
      await thread.terminate();
      await until(() => sent.length === 1, 'the connection to end');
      assert.equal(sent[0], 'last words');
    });
  });

  test('a worker ends by itself when nothing is left to wait for', async () => {
    const listener = await listen('tcp', '127.0.0.1:0');
    const thread = worker('end by itself', listener);
    const exit = once(thread, 'exit');
    const conn = await listener.accept();
    assert.equal(await conn.read(new Uint8Array(16)), 5);
    await conn.write(text('x'));
    assert.equal(await conn.read(new Uint8Array(16)), null);
    assert.deepEqual(await exit, [0]);
    await conn.close();
    await listener.close();
  });

  test('100 workers with open connections, terminated: descriptors back at the start', {
    timeout: 110_000,
  }, async () => {
    const listener = await listen('tcp', '127.0.0.1:0', { backlog: 1024 });
    const sockets = openSockets();
    const conns = new Set<TCPConn>();
    const accepting = (async () => {
      for await (const conn of listener) {
        conns.add(conn);
        // One in three is read from: the others stay full, so that writers are parked at the end.
        if (conns.size % 3 === 0) void drain(conn);
      }
    })();
    const start = async () => {
      const thread = worker('busy', listener);
      await once(thread, 'message');
      return thread;
    };
    // The first ones open what Node keeps for good.
    await (await start()).terminate();
    const settle = async () => {
      for (const conn of conns) conn.closeNow();
      conns.clear();
    };
    await settle();
    await until(() => openSockets() <= sockets, 'the first worker to be gone');
    const before = openDescriptors().length;
    for (let batch = 0; batch < 10; batch++) {
      const threads = await Promise.all(Array.from({ length: 10 }, start));
      await Promise.all(threads.map((thread) => thread.terminate()));
      await settle();
    }
    await settle();
    await until(() => openDescriptors().length <= before, `descriptors back at ${before}`);
    await listener.close();
    await accepting;
  });
});
