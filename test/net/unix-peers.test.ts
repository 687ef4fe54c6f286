import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { describe, test } from 'node:test';
import { copy, readAll, writeString } from 'gopark/io';
import { dial, listen } from 'gopark/net';
import { openDescriptors } from '../lib/descriptors.ts';
import { needs } from '../lib/needs.ts';
import { socketPath } from '../lib/pair.ts';

interface Options {
  skip: string | false;
  timeout?: number;
}

/** Options of a test with a program that not every machine has. */
function has(program: string, ...versionArguments: string[]): Options {
  const { error } = spawnSync(program, versionArguments, { stdio: 'ignore' });
  return { skip: error === undefined ? false : `${program} is not installed`, timeout: 20_000 };
}

function both(...conditions: Options[]): Options {
  return conditions.find(({ skip }) => skip !== false) ?? conditions[0]!;
}

async function output(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout!.setEncoding('utf8')) text += chunk;
  return text;
}

/** Dials until the program that was just started listens. */
async function dialSoon(network: 'unix' | 'unixpacket', path: string) {
  for (const until = Date.now() + 10_000; ; ) {
    try {
      return await dial(network, path);
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Sends two descriptors with its bytes, and says whether anybody still has the write end of its pipe. */
const SENDER = `
import os, socket, sys
r, w = os.pipe()
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if sys.argv[2] == 'unix' else socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
for i in range(20):
    socket.send_fds(s, [b'uninvited'], [w, 0])
os.close(w)
s.shutdown(socket.SHUT_WR)
print(s.recv(100).decode(), repr(os.read(r, 1)))
`;

describe('Unix sockets with other programs', () => {
  test('nc -U says something and hears it back', has('nc', '-h'), async () => {
    await using listener = await listen('unix', socketPath());
    const child = spawn('nc', ['-U', '-N', String(listener.addr)], { stdio: ['pipe', 'pipe', 'ignore'] });
    const answer = output(child);
    child.stdin!.end('hello from nc\n'.repeat(1000));
    await using conn = await listener.accept();
    await copy(conn, conn);
    await conn.closeWrite();
    assert.equal(await answer, 'hello from nc\n'.repeat(1000));
  });

  test('nc -lU is dialled', has('nc', '-h'), async () => {
    const path = socketPath();
    const child = spawn('nc', ['-lU', '-N', path], { stdio: ['pipe', 'pipe', 'ignore'] });
    // From now on: what nobody listens to Node throws away as soon as the child has ended.
    const answer = output(child);
    try {
      await using conn = await dialSoon('unix', path);
      child.stdin!.end('from nc');
      await writeString(conn, 'to nc');
      await conn.closeWrite();
      assert.equal(new TextDecoder().decode(await readAll(conn)), 'from nc');
      assert.equal(await answer, 'to nc');
    } finally {
      child.kill();
      rmSync(path, { force: true });
    }
  });

  test('socat over an abstract name', both(has('socat', '-V'), needs('unixAbstract')), async () => {
    const name = `gopark-${process.pid}-${Math.random()}`;
    await using listener = await listen('unix', `@${name}`);
    const child = spawn('socat', ['-t', '5', '-', `ABSTRACT-CONNECT:${name}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const answer = output(child);
    child.stdin!.end('through socat');
    await using conn = await listener.accept();
    await copy(conn, conn);
    await conn.closeWrite();
    assert.equal(await answer, 'through socat');
  });

  test('socat with seqpacket keeps bounds', both(has('socat', '-V'), needs('unixpacket')), async () => {
    const path = socketPath();
    const child = spawn('socat', [`UNIX-LISTEN:${path},socktype=5`, 'EXEC:cat'], { stdio: 'ignore' });
    try {
      await using conn = await dialSoon('unixpacket', path);
      const p = new Uint8Array(100);
      for (const text of ['one', 'three', 'x']) {
        await writeString(conn, text);
        const n = await conn.read(p);
        assert.equal(new TextDecoder().decode(p.subarray(0, n!)), text);
      }
    } finally {
      child.kill();
      rmSync(path, { force: true });
    }
  });

  for (const network of ['unix', 'unixpacket'] as const) {
    test(
      `${network}: descriptors that a peer sends uninvited are closed, and the bytes arrive`,
      both(has('python3', '-c', ''), needs(network)),
      async () => {
        await using listener = await listen(network, socketPath());
        const child = spawn('python3', ['-c', SENDER, String(listener.addr), network], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const answer = output(child);
        await using conn = await listener.accept();
        const before = openDescriptors().length;
        const received = new TextDecoder().decode(await readAll(conn));
        assert.equal(received, 'uninvited'.repeat(20));
        assert.equal(openDescriptors().length, before);
        await writeString(conn, 'thanks');
        // Nobody has the write end any more: its own read end is at the end.
        assert.equal(await answer, "thanks b''\n");
      },
    );
  }
});
