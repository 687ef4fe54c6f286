import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { copy, readAll } from 'gopark/io';
import { dial, type TCPConn } from 'gopark/net';
import { type File, open } from 'gopark/os';
import { machine, median, printTable } from '../lib/report.ts';

/** A process that reads what comes, and ends the connection after the end. */
const SINK = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', () => {}).on('end', () => socket.end());
}).listen(0, '127.0.0.1', function () { console.log(this.address().port); });`;

interface Contender {
  readonly name: string;
  send(path: string, port: number): Promise<void>;
}

async function through(
  path: string,
  port: number,
  send: (conn: TCPConn, file: File) => Promise<unknown>,
): Promise<void> {
  await using file = await open(path);
  await using conn = await dial('tcp', `127.0.0.1:${port}`);
  await send(conn, file);
  await conn.closeWrite();
  await readAll(conn);
}

const contenders: readonly Contender[] = [
  { name: 'gopark, copy(conn, file)', send: (path, port) => through(path, port, copy) },
  {
    name: 'gopark, read and write, 128 KiB',
    send: (path, port) =>
      through(path, port, async (conn, file) => {
        const p = new Uint8Array(128 * 1024);
        for (let n = await file.read(p); n !== null; n = await file.read(p))
          await conn.write(p.subarray(0, n));
      }),
  },
  {
    name: 'fs.createReadStream, pipeline, net.Socket',
    send: async (path, port) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      const closed = once(socket, 'end');
      socket.resume();
      await pipeline(createReadStream(path), socket);
      await closed;
      socket.destroy();
    },
  },
];

async function startSink(): Promise<{ sink: ChildProcess; port: number }> {
  const sink = spawn(process.execPath, ['-e', SINK], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(sink.stdout!, 'data');
  return { sink, port: Number(String(line)) };
}

/** One file to another process over loopback, again and again: what it costs the sender. */
export async function benchSend(path: string, mebibytes: number, rounds: number): Promise<void> {
  writeFileSync(path, Buffer.alloc(mebibytes << 20, 'gopark'));
  const { sink, port } = await startSink();
  try {
    console.log(
      `${machine('one process, not pinned')}\na file of ${mebibytes} MiB, in the kernel's memory, over loopback\n`,
    );
    const gigabytes = (mebibytes << 20) / 1e9;
    const seconds = contenders.map((): number[] => []);
    const cpu = contenders.map((): number[] => []);
    for (let round = 0; round <= rounds; round++) {
      for (const [i, { send }] of contenders.entries()) {
        const cpuBefore = process.cpuUsage();
        const started = process.hrtime.bigint();
        await send(path, port);
        const elapsed = Number(process.hrtime.bigint() - started) / 1e9;
        const used = process.cpuUsage(cpuBefore);
        // The first round warms up.
        if (round === 0) continue;
        seconds[i]!.push(elapsed);
        cpu[i]!.push((used.user + used.system) / 1e6);
      }
    }
    const rows = contenders.map(({ name }, i) => [
      name,
      (median(cpu[i]!) / gigabytes).toFixed(2),
      (gigabytes / median(seconds[i]!)).toFixed(2),
    ]);
    printTable(['who', 'CPU s/GB (sender)', 'GB/s'], rows);
  } finally {
    sink.kill();
    rmSync(path, { force: true });
  }
}
