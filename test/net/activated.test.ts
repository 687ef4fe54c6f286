import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readAll } from 'gopark/io';
import { activated, dial, inheritListener, OpError } from 'gopark/net';
import { needs } from '../lib/needs.ts';
import { socketPath } from '../lib/pair.ts';
import { rejection } from '../lib/waiting.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const posix = process.platform !== 'win32';

/** Greets on everything that it was handed, says what that was, and ends when its standard input does. */
const SERVICE = `
import { spawnSync } from 'node:child_process';
import { activated } from 'gopark/net';
const sockets = await activated();
const told = sockets.map(({ name, descriptor, listener }) => ({
  name, descriptor, kind: listener?.constructor.name ?? null, network: listener?.addr.network, addr: String(listener?.addr),
}));
const left = Object.keys(process.env).filter((name) => name.startsWith('LISTEN_'));
const again = (await activated()).length;
// What a child of ours has beyond 2 is what was not close-on-exec.
const inherited = spawnSync('/bin/sh', ['-c', 'for n in 3 4 5; do [ -e /proc/self/fd/$n ] && readlink /proc/self/fd/$n; done; true'], { stdio: ['ignore', 'pipe', 'inherit'] });
const shared = String(inherited.stdout).split('\\n').filter((line) => /^socket:|^\\/dev\\/null$/.test(line)).length;
for (const { name, listener } of sockets) {
  listener?.serve(async (conn) => { await conn.write(new TextEncoder().encode('this is ' + name)); });
}
console.log(JSON.stringify({ told, left, again, shared }));
process.stdin.on('end', async () => { for (const { listener } of sockets) await listener?.close(); }).resume();
`;

interface Told {
  told: { name: string; descriptor: number; kind: string | null; network?: string; addr: string }[];
  left: string[];
  again: number;
  shared: number;
}

async function firstLine(child: ChildProcess): Promise<Told> {
  let text = '';
  for await (const chunk of child.stdout!.setEncoding('utf8')) {
    text += chunk;
    if (text.includes('\n')) return JSON.parse(text.slice(0, text.indexOf('\n'))) as Told;
  }
  throw new Error(`the service said nothing: ${text}`);
}

function listening(where: object): Promise<Server> {
  const server = createServer();
  server.listen(where);
  return once(server, 'listening').then(() => server);
}

function descriptorOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}

const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;

/** Starts the service with these descriptors from 3 on. Its process id is what the shell had. */
function start(descriptors: number[], variables: Record<string, string>, pid = '$$'): ChildProcess {
  const command = `LISTEN_PID=${pid} exec "$0" --input-type=module -e "$1"`;
  return spawn('/bin/sh', ['-c', command, process.execPath, SERVICE], {
    cwd: root,
    env: { ...env, ...variables },
    stdio: ['pipe', 'pipe', 'inherit', ...descriptors],
  });
}

async function greeting(conn: { close(): Promise<void>; read(p: Uint8Array): Promise<number | null> }) {
  const text = new TextDecoder().decode(await readAll(conn));
  await conn.close();
  return text;
}

async function ended(child: ChildProcess): Promise<void> {
  child.stdin!.end();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
}

describe('socket activation', { skip: posix ? false : 'descriptors are of POSIX' }, () => {
  test('TCP and Unix listeners, and what is none; named, close-on-exec, once', needs('inherit'), async () => {
    const path = socketPath();
    const [tcp, unix] = await Promise.all([listening({ port: 0, host: '127.0.0.1' }), listening({ path })]);
    const { port } = tcp!.address() as AddressInfo;
    const file = openSync('/dev/null', 'r');
    const child = start([descriptorOf(tcp!), descriptorOf(unix!), file], {
      LISTEN_FDS: '3',
      LISTEN_FDNAMES: 'web:admin:file',
    });
    // The child has them now. Ours would accept, too; and Node removes the path that it has made.
    tcp!.close();
    closeSync(file);
    const { told, left, again, shared } = await firstLine(child);
    assert.deepEqual(told, [
      { name: 'web', descriptor: 3, kind: 'TCPListener', network: 'tcp', addr: `127.0.0.1:${port}` },
      { name: 'admin', descriptor: 4, kind: 'UnixListener', network: 'unix', addr: path },
      { name: 'file', descriptor: 5, kind: null, addr: 'undefined' },
    ]);
    assert.deepEqual([left, again, shared], [[], 0, 0]);
    for (let i = 0; i < 3; i++) {
      assert.equal(await greeting(await dial('tcp', `127.0.0.1:${port}`)), 'this is web');
    }
    unix!.unref();
    await ended(child);
    assert.ok(existsSync(path), 'the path is not the service’s');
    unix!.close();
  });

  test('meant for another process: nothing, and nothing is touched', needs('inherit'), async () => {
    const child = start([], { LISTEN_FDS: '2' }, '1');
    const { told, left } = await firstLine(child);
    assert.deepEqual([told, left], [[], []]);
    await ended(child);
    process.env.LISTEN_FDS = '2';
    process.env.LISTEN_PID = String(process.pid + 1);
    assert.deepEqual(await activated(), []);
    assert.equal(process.env.LISTEN_FDS, undefined);
  });

  test('started by systemd-socket-activate, at the first connection', needs('inherit'), async (t) => {
    if (spawnSync('systemd-socket-activate', ['--version']).error !== undefined) {
      t.skip('systemd-socket-activate is not installed');
      return;
    }
    const path = socketPath();
    const child = spawn(
      'systemd-socket-activate',
      [
        '-l',
        path,
        '--fdname=admin',
        '-E',
        `GOPARK_DRIVER=${env.GOPARK_DRIVER ?? ''}`,
        process.execPath,
        '--input-type=module',
        '-e',
        SERVICE,
      ],
      { cwd: root, env, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    try {
      let conn = null;
      for (const until = Date.now() + 10_000; conn === null && Date.now() < until; ) {
        conn = await dial('unix', path).catch(
          () => new Promise<null>((resolve) => setTimeout(resolve, 20, null)),
        );
      }
      assert.ok(conn !== null, 'systemd-socket-activate listens');
      assert.equal(await greeting(conn), 'this is admin');
      assert.equal((await firstLine(child)).told[0]!.addr, path);
      await ended(child);
    } finally {
      child.kill();
      rmSync(path, { force: true });
    }
  });

  test('inheritListener: serves and closes; what is no listener is refused', needs('inherit'), async () => {
    for (const bad of [-1, 1.5, '3' as never])
      await assert.rejects(inheritListener(bad), /descriptor must be/);
    const error = await rejection(inheritListener(99_999));
    assert.ok(error instanceof OpError);
    assert.match(error.message, /descriptor 99999/);
  });
});
