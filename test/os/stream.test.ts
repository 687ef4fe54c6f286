import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Scanner } from 'gopark/bufio';
import { readAll } from 'gopark/io';
import { ClosedError, type File, filePoolStats, open, PathError } from 'gopark/os';
import { allWaits } from '#dist/runtime/waits.js';
import { pattern, sameBytes, text, untext } from '../lib/bytes.ts';
import { stillPending, until, watch } from '../lib/waiting.ts';
import { directoryOf } from './lib.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const noFifo = spawnSync('mkfifo', ['--version']).error !== undefined && 'there is no mkfifo';

function fifoIn(t: TestContext): string {
  const path = join(directoryOf(t), 'fifo');
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  return path;
}

/** Both ends of a FIFO. */
async function pair(t: TestContext): Promise<[reader: File, writer: File]> {
  const path = fifoIn(t);
  const reader = await open(path);
  const writer = await open(path, constants.O_WRONLY);
  t.after(() => Promise.all([reader, writer].map((file) => file[Symbol.asyncDispose]())));
  return [reader, writer];
}

describe('os.File on a FIFO', { skip: noFifo }, () => {
  test('readers park: no thread is held, however many wait', async (t) => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => pair(t)));
    const reads = pairs.map(([reader]) => watch(reader.read(new Uint8Array(10))));
    await until(
      () => [...allWaits()].filter((wait) => wait.waitReason === 'IO wait').length >= 20,
      'all parked',
    );
    await until(() => filePoolStats().inFlight === 0, 'no thread');
    writeFileSync(join(directoryOf(t), 'meanwhile'), 'files go on');
    for (const [, writer] of pairs) assert.equal(await writer.write(text('ping')), 4);
    await Promise.all(reads.map((read) => read.promise));
    for (const { outcome } of reads) assert.deepEqual(outcome, { state: 'resolved', value: 4 });
  });

  test('bytes, then the end when the last writer has gone', async (t) => {
    const [reader, writer] = await pair(t);
    const p = new Uint8Array(3);
    await writer.write(text('hello'));
    assert.equal(await reader.read(p), 3);
    assert.equal(untext(p), 'hel');
    assert.equal(await reader.read(p), 2);
    await writer.close();
    assert.equal(await reader.read(p), null);
    assert.equal(await reader.read(p), null);
  });

  test('a reader that comes first waits for a writer', async (t) => {
    const path = fifoIn(t);
    await using reader = await open(path);
    const all = watch(readAll(reader));
    await stillPending(all.promise, 'without a writer there is no end');
    await using writer = await open(path, 'a');
    await writer.write(text('appended'));
    await writer.close();
    await all.promise;
    assert.ok(all.outcome.state === 'resolved' && untext(all.outcome.value) === 'appended');
  });

  test('a writer that finds no reader is told', async (t) => {
    await assert.rejects(open(fifoIn(t), constants.O_WRONLY), { code: 'ENXIO', op: 'open' });
  });

  test('a full pipe parks the writer; writes stay whole and in order', async (t) => {
    const [reader, writer] = await pair(t);
    const parts = Array.from({ length: 5 }, (_, i) => pattern(150_000, i + 1));
    const writes = Promise.all(parts.map((part) => writer.write(part)));
    await until(() => filePoolStats().inFlight + filePoolStats().queued === 0, 'no thread');
    await stillPending(writes, 'nobody reads');
    const all = readAll(reader);
    assert.deepEqual(await writes, Array(5).fill(150_000));
    await writer.close();
    sameBytes(await all, new Uint8Array(Buffer.concat(parts)));
  });

  test('append to a full pipe', async (t) => {
    const path = fifoIn(t);
    await using reader = await open(path);
    await using writer = await open(path, 'a');
    const bytes = pattern(300_000);
    const write = writer.writev([bytes.subarray(0, 1000), bytes.subarray(1000)]);
    const p = new Uint8Array(bytes.length);
    for (let n = 0; n < p.length; ) n += (await reader.read(p.subarray(n)))!;
    assert.equal(await write, bytes.length);
    sameBytes(p, bytes);
  });

  test('close wakes a parked reader and a parked writer', async (t) => {
    const [reader, writer] = await pair(t);
    const read = watch(reader.read(new Uint8Array(1)));
    await until(() => [...allWaits()].some((wait) => wait.waitReason === 'IO wait'), 'parked');
    await reader.close();
    await read.promise;
    assert.ok(read.outcome.state === 'rejected' && read.outcome.error instanceof ClosedError);
    const again = await open(reader.path);
    const write = watch(writer.write(new Uint8Array(200_000)));
    await stillPending(write.promise, 'the write');
    await writer.close();
    await write.promise;
    assert.ok(write.outcome.state === 'rejected' && write.outcome.error instanceof ClosedError);
    await again.close();
  });

  test('a signal ends a parked read, and no byte is lost', async (t) => {
    const [reader, writer] = await pair(t);
    const controller = new AbortController();
    const read = reader.read(new Uint8Array(4), { signal: controller.signal });
    await stillPending(read, 'the read');
    controller.abort('enough');
    assert.equal(await read.catch((reason: unknown) => reason), 'enough');
    await writer.write(text('more'));
    const p = new Uint8Array(4);
    assert.equal(await reader.read(p), 4);
    assert.equal(untext(p), 'more');
  });

  test('no position', async (t) => {
    const [reader, writer] = await pair(t);
    for (const call of [
      () => reader.seek(0, 'start'),
      () => writer.seek(0, 'current'),
      () => reader.readAt(new Uint8Array(1), 0),
      () => writer.writeAt(text('x'), 0),
    ]) {
      await assert.rejects(call(), (error) => error instanceof PathError && error.code === 'ESPIPE');
    }
    await reader.close();
    const error = await writer.write(text('x')).catch((reason: unknown) => reason);
    assert.ok(error instanceof PathError && error.code === 'EPIPE', String(error));
  });
});

describe('stdin, stdout, stderr', () => {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const settings = { cwd: root, env: { ...env, GOPARK_HOLD_LIMIT: '0' } };
  const command = (code: string) => ['--input-type=module', '-e', code];
  const lineCounter = `
    import { Scanner } from 'gopark/bufio';
    import { writeString } from 'gopark/io';
    import { filePoolStats, stderr, stdin, stdout } from 'gopark/os';
    let lines = 0;
    await writeString(stderr, 'ready\\n');
    for await (const line of new Scanner(stdin)) await writeString(stdout, ++lines + ' ' + line + '\\n');
    await writeString(stdout, 'end, ' + filePoolStats().inFlight + ' threads\\n');`;
  const start = (t: TestContext, code: string): ChildProcess => {
    const child = spawn(process.execPath, command(code), settings);
    t.after(() => child.kill('SIGKILL'));
    return child;
  };

  test('pipes', async (t) => {
    const child = start(t, lineCounter);
    const lines = new Scanner({
      read: async (p) => {
        const chunk = child.stdout!.read(Math.min(p.length, child.stdout!.readableLength)) as Buffer | null;
        if (chunk !== null) {
          p.set(chunk);
          return chunk.length;
        }
        if (child.stdout!.readableEnded) return null;
        await Promise.race([once(child.stdout!, 'readable'), once(child.stdout!, 'end')]);
        return 0;
      },
    });
    await once(child.stderr!, 'data');
    child.stdin!.write('a\nb\n');
    assert.ok(await lines.scan());
    assert.equal(lines.text(), '1 a');
    assert.ok(await lines.scan());
    child.stdin!.end('c');
    const rest: string[] = [];
    while (await lines.scan()) rest.push(lines.text());
    assert.deepEqual(rest, ['3 c', 'end, 0 threads']);
    if (child.exitCode === null) await once(child, 'exit');
    assert.equal(child.exitCode, 0);
  });

  test('regular files go on where the parent left off', (t) => {
    const directory = directoryOf(t);
    writeFileSync(join(directory, 'in'), 'skipped\nfirst\nsecond\n');
    const input = openSync(join(directory, 'in'), 'r');
    const output = openSync(join(directory, 'out'), 'w');
    readSync(input, Buffer.alloc(8), 0, 8, null);
    writeSync(output, 'head\n');
    const stdio = [input, output, 'pipe'] as const;
    const { status, stderr } = spawnSync(process.execPath, command(lineCounter), {
      ...settings,
      stdio: [...stdio],
    });
    assert.equal(status, 0, String(stderr));
    writeSync(output, 'tail\n');
    closeSync(input);
    closeSync(output);
    assert.equal(
      readFileSync(join(directory, 'out'), 'utf8'),
      'head\n1 first\n2 second\nend, 0 threads\ntail\n',
    );
  });

  test('a pipe that nobody reads holds up neither the event loop nor console.log', async (t) => {
    const child = start(
      t,
      `import { stdout } from 'gopark/os';
       const write = stdout.write(new Uint8Array(1 << 20).fill(120));
       setTimeout(() => process.stderr.write('the loop turns'), 20);
       await write;`,
    );
    const [message] = await once(child.stderr!, 'data');
    assert.equal(String(message), 'the loop turns');
    let length = 0;
    for await (const chunk of child.stdout!) length += (chunk as Buffer).length;
    assert.equal(length, 1 << 20);
  });

  test("the parent's end of a pipe stays as it was: blocking", {
    skip: process.platform !== 'linux',
  }, (t) => {
    const path = fifoIn(t);
    const both = openSync(path, constants.O_RDWR);
    const code = `
      import { stdin, stdout } from 'gopark/os';
      import { readFileSync } from 'node:fs';
      await stdin.read(new Uint8Array(1));
      await stdout.write(new Uint8Array([120]));
      const flags = (fd) => parseInt(/flags:\\s+(\\d+)/.exec(readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))[1], 8);
      process.exitCode = (flags(0) | flags(1)) & 0o4000 ? 3 : 0;`;
    writeSync(both, 'xx');
    const { status, stderr } = spawnSync(process.execPath, command(code), {
      ...settings,
      stdio: [both, both, 'pipe'],
    });
    closeSync(both);
    assert.equal(status, 0, String(stderr));
  });

  test('close does not close the descriptor of console.log; a closed stdin is told', () => {
    const code = `
      import { stdin, stdout } from 'gopark/os';
      await stdout.write(new TextEncoder().encode('one '));
      await stdout.close();
      await stdout.write(new Uint8Array(1)).catch((error) => console.log(error.code));
      await stdin.read(new Uint8Array(1)).then(console.log);
      await stdin.seek(0, 'start').catch((error) => console.log(error.code));`;
    const { stdout, status } = spawnSync(process.execPath, command(code), {
      ...settings,
      input: '',
      encoding: 'utf8',
    });
    assert.deepEqual([status, stdout], [0, 'one ERR_CLOSED\nnull\nERR_UNSUPPORTED\n']);
  });

  const noScript =
    spawnSync('script', ['--version']).status !== 0 && 'there is no script(1) to make a terminal';
  test('a terminal', { skip: noScript }, async (t) => {
    const program = join(directoryOf(t), 'program.mjs');
    const url = new URL('../../../dist/', import.meta.url).href;
    writeFileSync(program, lineCounter.replaceAll(/'gopark\/(\w+)'/g, `'${url}$1/index.js'`));
    const child = spawn('script', ['-qec', `${process.execPath} ${program}`, '/dev/null'], settings);
    t.after(() => child.kill('SIGKILL'));
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
    await until(() => output.includes('ready'), 'the program', 20_000);
    child.stdin.write('hello\n');
    await until(() => output.includes('1 hello'), 'the answer', 20_000);
    child.stdin.write('\x04');
    await until(() => output.includes('end, 0 threads'), 'the end', 20_000);
  });
});
