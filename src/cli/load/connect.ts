import { type Connection, type DialConnectionOptions, dial } from '../../eventloop/index.ts';
import { Client } from './client.ts';
import { type LoadOptions, SUBSCRIPTIONS, symbolOf } from './options.ts';
import type { Tally } from './tally.ts';

/** Dials under way at a time. */
const RAMP = 64;
/** Connections from one source address: below the number of ephemeral ports. */
const PER_SOURCE = 20_000;
const DIAL_TIMEOUT = 10_000;

type Handlers = Pick<DialConnectionOptions, 'onRequest' | 'onDisconnect'>;

/** Opens connection `index`; a local gateway is dialled from several addresses when one has too few ports. */
export function open(options: LoadOptions, index: number, handlers: Handlers = {}): Promise<Connection> {
  const source = Math.floor(index / PER_SOURCE);
  const local = source > 0 && options.address.startsWith('127.');
  return dial('tcp', options.address, {
    ...handlers,
    timeout: DIAL_TIMEOUT,
    ...(local ? { localAddress: `127.0.0.${1 + source}:0` } : {}),
  });
}

/** All clients, each subscribed to its symbols, a bounded number of dials at a time. */
export async function connectAll(options: LoadOptions, tally: Tally): Promise<Client[]> {
  const clients: Client[] = [];
  let next = 0;
  const connectSome = async () => {
    while (next < options.connections) {
      const index = next++;
      const client = new Client(index, tally);
      client.conn = await open(options, index, {
        onRequest: (conn) => client.arrived(conn),
        onDisconnect: () => {
          tally.connected--;
          tally.failed('the gateway closed a connection');
        },
      });
      const symbols = Array.from({ length: SUBSCRIPTIONS }, (_, i) =>
        symbolOf(index * SUBSCRIPTIONS + i, options),
      );
      await client.conn.write(Buffer.from(`SUB ${symbols.join(',')}\n`, 'latin1'));
      clients.push(client);
      tally.connected++;
    }
  };
  await Promise.all(Array.from({ length: RAMP }, connectSome));
  return clients;
}
