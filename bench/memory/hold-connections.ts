// hold-connections.c for machines without a C compiler, on node:net: the same command line and the same talk.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [port, connections, roundTrips] = process.argv.slice(2).map(Number) as [number, number, number];
const line = Buffer.from('fifteen letters\n');
const perSource = 20_000;
const batch = 100;

async function open(index: number): Promise<Socket> {
  // Not for the first address: a port that is asked for by address must be free, also of the connections to other
  // servers that ended a moment ago.
  const source = Math.floor(index / perSource);
  const from = source === 0 ? {} : { localAddress: `127.0.0.${1 + source}` };
  const socket = connect({ port, host: '127.0.0.1', ...from, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function exchange(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    let received = 0;
    const onData = (chunk: Buffer) => {
      received += chunk.length;
      if (received < line.length) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
    socket.write(line);
  });
}

/** Batches: neither one wake-up of the server for each connection, nor all of them at once. */
async function exchangeAll(sockets: readonly Socket[]): Promise<void> {
  for (let from = 0; from < sockets.length; from += batch) {
    await Promise.all(sockets.slice(from, from + batch).map(exchange));
  }
}

const sockets: Socket[] = [];
for (let i = 0; i < connections; i++) sockets.push(await open(i));
for (let i = 0; i < roundTrips; i++) await exchangeAll(sockets);
console.log('held');
for await (const _ of createInterface({ input: process.stdin })) {
  await exchangeAll(sockets);
  console.log('held');
}
process.exit(0);
