import { dial, type TCPConn } from '../../net/index.ts';
import { now } from '../../runtime/clock.ts';
import { go, sleep } from '../../runtime/index.ts';
import { Client } from './client.ts';
import { type LoadOptions, PUBLISHERS, parseLoad, SUBSCRIPTIONS } from './options.ts';
import type { Progress } from './report.ts';
import { Tally } from './tally.ts';

/** Dials under way at a time. */
const RAMP = 64;
/** Connections from one source address: below the number of ephemeral ports. */
const PER_SOURCE = 20_000;
/** How often due orders and prices are sent, in milliseconds. */
const PACE = 1;
/** How long the last answers may take, in milliseconds. */
const PATIENCE = 5000;

function tell(progress: Progress): void {
  process.stdout.write(`${JSON.stringify(progress)}\n`);
}

/** Opens connection `index`; local gateways are dialled from several addresses when one has too few ports. */
function open(options: LoadOptions, index: number): Promise<TCPConn> {
  const local = options.address.startsWith('127.')
    ? `127.0.0.${1 + Math.floor(index / PER_SOURCE)}:0`
    : undefined;
  return dial('tcp', options.address, {
    timeout: 10_000,
    ...(local === undefined ? {} : { localAddress: local }),
  });
}

async function connectAll(options: LoadOptions, tally: Tally): Promise<Client[]> {
  const clients: Client[] = [];
  let next = 0;
  const connectSome = async () => {
    while (next < options.connections) {
      const index = next++;
      const client = new Client(await open(options, index), `c${index}`, tally);
      const symbols = Array.from({ length: SUBSCRIPTIONS }, (_, i) =>
        symbolOf(index * SUBSCRIPTIONS + i, options),
      );
      await client.conn.write(Buffer.from(`SUB ${symbols.join(',')}\n`, 'latin1'));
      clients.push(client);
      tally.connected++;
      go(() => client.run().finally(() => tally.connected--)).done.then(
        () => tally.failed('the gateway closed a connection'),
        (error) => {
          if (error.code !== 'ERR_CLOSED') tally.failed(String(error));
        },
      );
    }
  };
  await Promise.all(Array.from({ length: RAMP }, connectSome));
  return clients;
}

function symbolOf(number: number, options: LoadOptions): string {
  return `SYM${number % options.symbols}`;
}

/** Calls `send` at `rate` a second until `end`, with the instant at which each call was due. */
async function paced(rate: number, end: number, send: (index: number, due: number) => void): Promise<void> {
  if (rate === 0) return;
  const start = now();
  for (let sent = 0; now() < end; ) {
    const due = Math.floor(((now() - start) / 1000) * rate);
    for (; sent < due; sent++) send(sent, start + (sent / rate) * 1000);
    await sleep(PACE);
  }
}

async function main(): Promise<void> {
  const options = parseLoad(process.argv.slice(2));
  const tally = new Tally();
  const ramp = setInterval(() => tell(tally.report('ramp')), 1000);
  const clients = await connectAll(options, tally);
  const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, (_, i) => open(options, i)));
  clearInterval(ramp);

  tally.begin();
  const end = now() + options.seconds * 1000;
  const seconds = setInterval(() => tell(tally.report('second')), 1000);
  await Promise.all([
    paced(options.rate, end, (index, due) => {
      const client = clients[index % clients.length]!;
      try {
        client.order(symbolOf(index, options), due);
      } catch (error) {
        tally.failed(String(error));
      }
    }),
    paced(options.feeds, end, (index) => {
      const line = Buffer.from(
        `FEED ${symbolOf(index, options)} ${(100 + (index % 1000) / 100).toFixed(2)}\n`,
        'latin1',
      );
      if (!publishers[index % PUBLISHERS]!.tryWrite(line))
        tally.failed('the gateway does not take prices fast enough');
    }),
  ]);
  clearInterval(seconds);
  const patience = now() + PATIENCE;
  while (tally.unanswered > 0 && now() < patience) await sleep(PACE);
  tell(tally.report('end'));
  await Promise.allSettled(
    [...publishers, ...clients.map((client) => client.conn)].map((conn) => conn.close()),
  );
}

await main();
