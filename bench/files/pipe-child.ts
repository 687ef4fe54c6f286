// One run of `bench:files --pipe`, in the middle of a pipeline: node pipe-child.js CONTENDER DIRECTION PORT. Tells on
// stderr what it cost.
import { once } from 'node:events';
import { connect } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { copy, type Reader, type Writer } from 'gopark/io';
import { dial } from 'gopark/net';
import { stdin, stdout } from 'gopark/os';

async function loop(to: Writer, from: Reader): Promise<void> {
  const p = new Uint8Array(64 * 1024);
  for (let n = await from.read(p); n !== null; n = await from.read(p)) await to.write(p.subarray(0, n));
}

const [contender, direction, port] = process.argv.slice(2);
const move = contender === 'copy' ? copy : loop;

async function byGopark(): Promise<() => Promise<void>> {
  const conn = await dial('tcp', `127.0.0.1:${port}`);
  return async () => {
    if (direction === 'out') await move(conn, stdin);
    else await move(stdout, conn);
    await conn.close();
  };
}

async function byNode(): Promise<() => Promise<void>> {
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return async () => {
    if (direction === 'out') await pipeline(process.stdin, socket.resume());
    else await pipeline(socket, process.stdout);
  };
}

const go = contender === 'node' ? await byNode() : await byGopark();
const before = process.cpuUsage();
const started = performance.now();
await go();
const used = process.cpuUsage(before);
process.stderr.write(`${(used.user + used.system) / 1e6} ${(performance.now() - started) / 1000}`);
