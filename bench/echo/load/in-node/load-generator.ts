// load-generator.c for machines without a C compiler, on node:net: the same command line, the same line of JSON. It takes
// more of its own core for a message, so that fast servers are not saturated: what counts is their CPU per message.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadFrom, Window } from './measurement.ts';

const load = loadFrom(process.argv.slice(2));
const { connections, size, depth } = load;
/** Larger than this in all, and messages are sent one by one. */
const STREAMING = 16 * 1024;
const HERD_PAUSE = 10;
const PATIENCE = 2000;
/** Milliseconds between messages of an open loop; 0: a closed one. */
const interval = load.pattern.startsWith('open:') ? 1000 / Number(load.pattern.slice(5)) : 0;
const herd = load.pattern === 'herd';

/** A message, or as many as are sent at once. */
function messages(count: number): Buffer {
  const one = Buffer.alloc(size, load.lines ? 'a' : 0);
  for (let i = 0; i < size; i++) {
    const byte = Math.imul(i, 2654435761) >>> 24;
    one[i] = load.lines ? 97 + (byte % 26) : byte;
  }
  if (load.lines) one[size - 1] = 10;
  return Buffer.concat(Array.from({ length: count }, () => one));
}

const one = messages(1);
const batch = messages(depth);
let window: Window | null = null;
let opened = 0;
let next = 0;
let answeredInAll = 0;
let herdUnanswered = 0;
let lastHerd = false;

/** One connection. */
class Client {
  readonly #socket: Socket;
  readonly #index: number;
  /** When those without an answer were sent. */
  readonly #sent: number[] = [];
  #received = 0;
  #answered = 0;

  constructor(socket: Socket, index: number) {
    this.#socket = socket;
    this.#index = index;
    socket.on('data', (chunk) => this.#data(chunk));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the server ended a connection')));
  }

  send(count: number, now: number): void {
    for (let i = 0; i < count; i++) this.#sent.push(now);
    this.#socket.write(count === depth ? batch : messages(count));
  }

  sendOne(): void {
    this.#socket.write(one);
  }

  #data(chunk: Buffer): void {
    this.#check(chunk);
    const before = Math.floor(this.#received / size);
    this.#received += chunk.length;
    const now = performance.now();
    for (let done = Math.floor(this.#received / size) - before; done > 0; done--) this.#done(now);
    if (interval > 0 || herd) return;
    if (this.#sent.length === 0 || (size * depth > STREAMING && this.#sent.length < depth)) {
      this.send(depth - this.#sent.length, now);
    }
  }

  #check(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const offset = (this.#received + at) % size;
      const length = Math.min(size - offset, chunk.length - at);
      if (one.compare(chunk, at, at + length, offset, offset + length) !== 0) {
        fail(new Error('an answer differs from its message'));
      }
      at += length;
    }
  }

  #done(now: number): void {
    answeredInAll++;
    if (window !== null) window.messages++;
    if (interval > 0) {
      const since = opened + (this.#answered++ * connections + this.#index) * interval;
      const due = since - opened - load.warmUp * 1000;
      if (due >= 0) current?.recordDue(due, (now - since) * 1000);
    } else {
      current?.latencies.record((now - this.#sent.shift()!) * 1000);
    }
    if (herd && --herdUnanswered === 0) setTimeout(letHerdLoose, HERD_PAUSE);
  }
}

/** Where latencies go: of an open loop also those that come when the window has closed. */
let current: Window | null = null;
const clients: Client[] = [];

function fail(error: Error): void {
  console.error(error.message);
  process.exit(1);
}

function letHerdLoose(): void {
  if (lastHerd) return;
  herdUnanswered = connections;
  const now = performance.now();
  for (const client of clients) client.send(1, now);
}

/** Part of a herd is no herd. */
async function herdIsOver(): Promise<void> {
  for (const limit = performance.now() + 5 * PATIENCE; herdUnanswered > 0 && performance.now() < limit; )
    await sleep(1);
}

/** Sends what is due, every millisecond, until `end`. */
async function sendDue(end: number): Promise<void> {
  for (;;) {
    const now = Math.min(end, performance.now());
    for (; opened + next * interval < now; next++) clients[next % connections]!.sendOne();
    if (now === end) return;
    await sleep(1);
  }
}

for (let i = 0; i < connections; i++) {
  const socket = connect({ port: load.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  clients.push(new Client(socket, i));
}
opened = performance.now();
const end = opened + (load.warmUp + load.seconds) * 1000;
const sending = interval > 0 ? sendDue(end) : undefined;
if (herd) letHerdLoose();
else if (interval === 0) for (const client of clients) client.send(depth, opened);
await sleep(load.warmUp * 1000);
if (herd) await herdIsOver();
window = new Window(load);
current = window;
await sleep(herd ? load.seconds * 1000 : end - performance.now());
lastHerd = true;
if (herd) await herdIsOver();
window.close();
const measured = window;
window = null;
await sending;
if (interval > 0) {
  for (const limit = performance.now() + PATIENCE; answeredInAll < next && performance.now() < limit; )
    await sleep(1);
} else {
  current = null;
}
measured.print(Math.max(0, interval > 0 ? next - answeredInAll : 0));
process.exit(0);
