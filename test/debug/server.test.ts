import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Script } from 'node:vm';
import { go } from 'gopark';
import { debugHandler, prometheusContentType, startDebugServer } from 'gopark/debug';
import { ArgumentTypeError } from 'gopark/io';
import { AddrError } from 'gopark/net';
import { Mutex } from 'gopark/sync';
import { pageScript } from '#dist/debug/page.js';
import { until } from '../lib/waiting.ts';
import { parseExposition } from './lib/exposition.ts';

/** What it answers to bytes as they are. */
async function askRaw(addr: string, text: string): Promise<string> {
  const [, host, port] = /^(.*):(\d+)$/.exec(addr)!;
  const socket = connect({ host: host!, port: Number(port) });
  socket.end(text);
  socket.setEncoding('latin1');
  let all = '';
  socket.on('data', (chunk) => {
    all += chunk;
  });
  await once(socket, 'close');
  return all;
}

describe('the debug server', () => {
  test('a page, the dump, what is open, numbers, Prometheus', async () => {
    await using server = await startDebugServer('127.0.0.1:0', {
      metrics: () => [{ name: 'orders', kind: 'counter', help: 'Orders.', samples: [{ value: 17 }] }],
      server: { stats: () => ({ procs: [], moves: [] }) },
    });
    const mutex = new Mutex();
    await mutex.lock();
    const waiting = go(async function hostile() {
      await mutex.lock();
    });
    waiting.label = '<script>alert(1)</script>';
    const at = `http://${server.addr}`;
    const ask = async (path: string) => {
      const response = await fetch(at + path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
      return { type: response.headers.get('content-type'), response, text: await response.text() };
    };
    const page = await ask('/');
    assert.equal(page.type, 'text/html; charset=utf-8');
    assert.match(
      page.response.headers.get('content-security-policy')!,
      /^default-src 'none'; script-src 'self'/,
    );
    // Everything that it loads is there.
    const loaded = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    assert.ok(loaded.includes('page.js') && loaded.includes('metrics'));
    for (const path of loaded) await ask(`/${path}`);
    const dumped = await until(() => ask('/stack'), 'a dump');
    assert.equal(dumped.type, 'text/plain; charset=utf-8');
    // Text, and told to be nothing else.
    assert.match(dumped.text, /goroutine \d+ <script>alert\(1\)<\/script> \[sync\.Mutex\.Lock/);
    const entries = JSON.parse((await ask('/dump')).text) as { label: string }[];
    assert.ok(entries.some(({ label }) => label === '<script>alert(1)</script>'));
    assert.ok(Array.isArray(JSON.parse((await ask('/sockets')).text)));
    const stats = JSON.parse((await ask('/stats?at=now')).text);
    assert.deepEqual(stats.server, { procs: [], moves: [] });
    assert.ok(stats.memory.rss > 0);
    const scraped = await ask('/metrics');
    assert.equal(scraped.type, prometheusContentType);
    const families = parseExposition(scraped.text);
    assert.equal(families.get('orders_total')!.samples[0]!.value, 17);
    assert.ok(families.has('gopark_goroutines') && families.has('gopark_p_connections'));
    mutex.unlock();
    await waiting.done;
  });

  test('other paths, methods and names are refused, and nothing that it is sent disturbs it', async () => {
    await using server = await startDebugServer('127.0.0.1:0', { hosts: ['Debug.Internal'] });
    const status = async (text: string) => (await askRaw(server.addr, text)).split('\r\n', 1)[0];
    const ask = (path: string, host = 'localhost', method = 'GET') =>
      status(`${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assert.equal(await ask('/'), 'HTTP/1.1 200 OK');
    for (const path of ['/nothing', '/constructor', '/__proto__', '//', '/stack/', '/../stack', '*']) {
      assert.equal(await ask(path), 'HTTP/1.1 404 Not Found', path);
    }
    assert.equal(await ask('/stats', 'localhost', 'POST'), 'HTTP/1.1 405 Method Not Allowed');
    for (const host of [
      'localhost:80',
      'LOCALHOST',
      '127.0.0.1:6060',
      '[::1]:6060',
      'debug.internal:1',
      'DEBUG.internal',
    ]) {
      assert.equal(await ask('/stats', host), 'HTTP/1.1 200 OK', host);
    }
    for (const host of [
      'evil.example',
      'evil.example:6060',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      assert.equal(await ask('/stats', host), 'HTTP/1.1 403 Forbidden', host);
    }
    assert.equal(await status('GET /stats HTTP/1.0\r\n\r\n'), 'HTTP/1.1 200 OK');
    assert.equal(await status('\u0000\u0001nonsense\r\n\r\n'), 'HTTP/1.1 400 Bad Request');
    assert.match(
      (await status(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`)) ?? '',
      /^HTTP\/1\.1 431/,
    );
    const head = await askRaw(
      server.addr,
      'HEAD /stack HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: [1-9]\d*\r\n[\s\S]*\r\n\r\n$/);
    assert.equal(await ask('/'), 'HTTP/1.1 200 OK');
  });

  test("an error of the program's own metrics is its asker's to read", async () => {
    let broken = true;
    await using server = await startDebugServer('127.0.0.1:0', {
      metrics: () => {
        if (broken) throw new Error('no orders today');
        return [];
      },
    });
    const failed = await fetch(`http://${server.addr}/metrics`);
    assert.equal(failed.status, 500);
    assert.match(await failed.text(), /no orders today/);
    broken = false;
    assert.equal((await fetch(`http://${server.addr}/metrics`)).status, 200);
  });

  test('a path; a port that is taken; addresses that are none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gopark-'));
    try {
      const path = join(folder, 'debug.sock');
      const server = await startDebugServer(path);
      assert.equal(server.addr, path);
      const asked = request({ socketPath: path, path: '/stats', headers: { host: 'whatever' } }).end();
      const [response] = await once(asked, 'response');
      assert.equal(response.statusCode, 200);
      response.resume();
      await once(response, 'end');
      await server.close();
      await server.close();
      assert.ok(!existsSync(path));
    } finally {
      rmSync(folder, { recursive: true });
    }
    await using first = await startDebugServer('127.0.0.1:0');
    await assert.rejects(startDebugServer(first.addr), { code: 'EADDRINUSE' });
    await assert.rejects(startDebugServer('nonsense'), AddrError);
    await assert.rejects(startDebugServer('127.0.0.1:http'), AddrError);
    await assert.rejects(startDebugServer(6060 as never), ArgumentTypeError);
    assert.throws(() => debugHandler(null as never), ArgumentTypeError);
  });

  test('the handler has its place in a larger server', async () => {
    const debug = debugHandler();
    const server = createServer((asked, response) => {
      asked.url = asked.url!.slice('/debug'.length);
      debug(asked, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/debug/stack`);
    assert.deepEqual(
      [response.status, response.headers.get('content-type')],
      [200, 'text/plain; charset=utf-8'],
    );
    await response.text();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
});

test('the script of the page is JavaScript, and sets text only as text', () => {
  assert.doesNotThrow(() => new Script(pageScript));
  assert.doesNotMatch(pageScript, /innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(/);
});
