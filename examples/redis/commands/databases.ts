import type { Client } from '../client.ts';
import type { Keyspace } from '../data/keyspace.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { toInteger } from './arguments.ts';
import { type Command, command } from './command.ts';

const noSuchDatabase = new CommandError('ERR DB index is out of range');

export function databaseAt({ server }: Client, index: number): Keyspace {
  const database = server.databases[index];
  if (database === undefined) throw noSuchDatabase;
  return database;
}

function select(client: Client, args: string[]): void {
  client.db = databaseAt(client, toInteger(args[1]!));
  client.reply.ok();
}

function flush({ server }: Client, databases: readonly Keyspace[]): void {
  for (const db of databases) {
    server.watches.replaced(db, (key) => db.find(key) !== undefined);
    db.clear();
  }
  server.dirty++;
}

function flushing(which: (client: Client) => readonly Keyspace[]) {
  return (client: Client, args: string[]): void => {
    if (args.length > 2 || (args.length === 2 && !/^(a)?sync$/i.test(args[1]!))) throw syntaxError;
    flush(client, which(client));
    client.reply.ok();
  };
}

function swapDb(client: Client, args: string[]): void {
  const { server, reply } = client;
  const first = toInteger(args[1]!, new CommandError('ERR invalid first DB index'));
  const second = toInteger(args[2]!, new CommandError('ERR invalid second DB index'));
  const one = databaseAt(client, first);
  const other = databaseAt(client, second);
  if (one !== other) {
    const isThere = (key: string) => one.find(key) !== undefined || other.find(key) !== undefined;
    server.watches.replaced(one, isThere);
    server.watches.replaced(other, isThere);
    one.swap(other);
    server.blocked.allReady(one);
    server.blocked.allReady(other);
  }
  server.dirty++;
  reply.ok();
}

export const databaseCommands: readonly Command[] = [
  command('select', 2, select),
  command('dbsize', 1, ({ db, reply }) => reply.integer(db.size)),
  command(
    'flushdb',
    -1,
    flushing(({ db }) => [db]),
    { write: true },
  ),
  command(
    'flushall',
    -1,
    flushing(({ server }) => server.databases),
    { write: true },
  ),
  command('swapdb', 3, swapDb, { write: true }),
];
