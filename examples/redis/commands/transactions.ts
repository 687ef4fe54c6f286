import type { Client } from '../client.ts';
import { CommandError } from '../errors.ts';
import { type Command, command } from './command.ts';

function multi(client: Client): void {
  if (client.transaction !== null) throw new CommandError('ERR MULTI calls can not be nested');
  client.transaction = { queue: [], bytes: 0, broken: false };
  client.reply.ok();
}

function exec(client: Client) {
  const { server, reply, transaction } = client;
  if (transaction === null) throw new CommandError('ERR EXEC without MULTI');
  // A watched key may have ended without anybody looking at it.
  for (const { db, key } of client.watched) db.find(key);
  const { tainted } = client;
  endTransaction(client);
  if (transaction.broken) {
    throw new CommandError('EXECABORT Transaction discarded because of previous errors.');
  }
  if (tainted) return reply.nullArray();
  reply.array(transaction.queue.length);
  client.executing = true;
  server.log?.begin();
  for (const { command: one, args } of transaction.queue) server.perform(client, one, args);
  server.log?.end();
  client.executing = false;
}

/** Nothing is queued or watched any more. */
export function endTransaction(client: Client): void {
  client.transaction = null;
  client.server.watches.clear(client);
}

function discard(client: Client): void {
  if (client.transaction === null) throw new CommandError('ERR DISCARD without MULTI');
  endTransaction(client);
  client.reply.ok();
}

function watch(client: Client, args: string[]): void {
  if (client.transaction !== null) throw new CommandError('ERR WATCH inside MULTI is not allowed');
  for (const key of args.slice(1)) {
    // What is over now does not end later.
    client.db.find(key);
    client.server.watches.add(client, key);
  }
  client.reply.ok();
}

const atOnce = { neverQueued: true } as const;

export const transactionCommands: readonly Command[] = [
  command('multi', 1, multi, atOnce),
  command('exec', 1, exec, atOnce),
  command('discard', 1, discard, atOnce),
  command('watch', -2, watch, { neverQueued: true, keys: [1, -1, 1] }),
  command('unwatch', 1, (client) => {
    client.server.watches.clear(client);
    client.reply.ok();
  }),
];
