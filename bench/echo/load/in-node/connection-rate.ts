// connection-rate.c for machines without a C compiler, on node:net: the same command line, the same line of JSON.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadFrom, Window } from './measurement.ts';

const load = loadFrom(process.argv.slice(2));
const SOURCES = 200;
const message = Buffer.alloc(load.size, 'gopark');
let visits = 0;
let window: Window | null = null;

/** Connects, has a message echoed, resets the connection: no port has to wait. */
function visit(): Promise<void> {
  return new Promise((resolve, reject) => {
    const since = performance.now();
    let received = 0;
    const localAddress = `127.0.0.${2 + (visits++ % SOURCES)}`;
    const socket = connect({ port: load.port, host: '127.0.0.1', localAddress, noDelay: true });
    socket.on('error', reject);
    socket.on('connect', () => socket.write(message));
    socket.on('data', (chunk) => {
      received += chunk.length;
      if (received < load.size) return;
      if (window !== null) {
        window.messages++;
        window.latencies.record((performance.now() - since) * 1000);
      }
      socket.resetAndDestroy();
      resolve();
    });
  });
}

async function visitForEver(): Promise<never> {
  for (;;) await visit();
}

for (let i = 0; i < load.connections; i++) {
  visitForEver().catch((error) => {
    console.error(error);
    process.exit(1);
  });
}
await sleep(load.warmUp * 1000);
window = new Window(load);
await sleep(load.seconds * 1000);
window.close();
window.print(0);
process.exit(0);
