import type { Client } from '../client.ts';
import { copyOf } from '../data/copy.ts';
import { encodingOf } from '../data/encoding.ts';
import { globMatches } from '../data/glob.ts';
import type { Keyspace } from '../data/keyspace.ts';
import { kindOf } from '../data/value.ts';
import { CommandError, noSuchKey, notInteger, syntaxError } from '../errors.ts';
import { argument, toInteger } from './arguments.ts';
import { allKeys, type Command, command, oneKey, reads, writes } from './command.ts';
import { databaseAt } from './databases.ts';

function del(client: Client, args: string[]): void {
  const { db, server } = client;
  let deleted = 0;
  for (let i = 1; i < args.length; i++) {
    if (!db.delete(args[i]!)) continue;
    db.changed(args[i]!);
    deleted++;
  }
  server.dirty += deleted;
  client.reply.integer(deleted);
}

function exists(client: Client, args: string[]): void {
  let found = 0;
  for (let i = 1; i < args.length; i++) if (client.db.find(args[i]!) !== undefined) found++;
  client.reply.integer(found);
}

function type(client: Client, args: string[]): void {
  const value = client.db.get(args[1]!);
  client.reply.simple(value === undefined ? 'none' : kindOf(value));
}

/** What waits for a key may be served by the value that it gets. */
function put(client: Client, db: Keyspace, key: string, from: { value: unknown; expiresAt: number }): void {
  db.put(key, from.value as Parameters<Keyspace['put']>[1]);
  if (from.expiresAt !== 0) db.expireAt(db.find(key)!, from.expiresAt);
  db.changed(key);
  client.server.blocked.keyReady(db, key);
}

function rename(client: Client, from: string, to: string, overwrites: boolean): boolean {
  const { db, server } = client;
  const entry = db.find(from);
  if (entry === undefined) throw noSuchKey;
  if (from === to) return overwrites;
  if (!overwrites && db.find(to) !== undefined) return false;
  const { value, expiresAt } = entry;
  db.delete(from);
  db.changed(from);
  put(client, db, to, { value, expiresAt });
  server.dirty++;
  return true;
}

function copy(client: Client, args: string[]) {
  const { db, reply, server } = client;
  const [, from, to] = args as [string, string, string];
  let target = db;
  let replaces = false;
  for (let i = 3; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    if (option === 'REPLACE') replaces = true;
    else if (option === 'DB') target = databaseAt(client, toInteger(argument(args, ++i)));
    else throw syntaxError;
  }
  if (target === db && from === to) throw new CommandError('ERR source and destination objects are the same');
  const entry = db.find(from);
  if (entry === undefined || (!replaces && target.find(to) !== undefined)) return reply.integer(0);
  put(client, target, to, { value: copyOf(entry.value), expiresAt: entry.expiresAt });
  server.dirty++;
  reply.integer(1);
}

function move(client: Client, args: string[]) {
  const { db, reply, server } = client;
  const key = args[1]!;
  const target = databaseAt(client, toInteger(args[2]!));
  if (target === db) throw new CommandError('ERR source and destination objects are the same');
  const entry = db.find(key);
  if (entry === undefined || target.find(key) !== undefined) return reply.integer(0);
  const { value, expiresAt } = entry;
  db.delete(key);
  db.changed(key);
  put(client, target, key, { value, expiresAt });
  server.dirty++;
  reply.integer(1);
}

function keys(client: Client, args: string[]): void {
  const { db, reply } = client;
  const pattern = args[1]!;
  const found: string[] = [];
  for (const entry of db.keys.all()) {
    if ((pattern === '*' || globMatches(pattern, entry.key)) && !db.isOver(entry)) found.push(entry.key);
  }
  reply.bulks(found);
}

export interface ScanOptions {
  readonly cursor: number;
  readonly count: number;
  readonly match: string | null;
  readonly type: string | null;
}

const badCursor = new CommandError('ERR invalid cursor');

/** The cursor at `index` and what follows it. */
export function scanOptions(args: string[], index: number): ScanOptions {
  // Any number of 64 bits without sign is one; ours are small.
  if (!/^\d{1,20}$/.test(args[index]!)) throw badCursor;
  const cursor = Number(args[index]!);
  let count = 10;
  let match: string | null = null;
  let type: string | null = null;
  for (let i = index + 1; i < args.length; i += 2) {
    const option = args[i]!.toUpperCase();
    const value = argument(args, i + 1);
    if (option === 'COUNT') {
      count = toInteger(value, notInteger);
      if (count < 1) throw syntaxError;
    } else if (option === 'MATCH') {
      match = value;
    } else if (option === 'TYPE' && index === 1) {
      type = value.toLowerCase();
    } else {
      throw syntaxError;
    }
  }
  return { cursor, count, match: match === '*' ? null : match, type };
}

function scan(client: Client, args: string[]): void {
  const { db, reply } = client;
  const { cursor, count, match, type } = scanOptions(args, 1);
  const found: string[] = [];
  const next = db.keys.scan(cursor, count, (entry) => {
    if (match !== null && !globMatches(match, entry.key)) return;
    if (type !== null && kindOf(entry.value) !== type) return;
    if (!db.isOver(entry)) found.push(entry.key);
  });
  reply.array(2);
  reply.bulk(String(next));
  reply.bulks(found);
}

const objectHelp = [
  'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ENCODING <key>',
  '    Return the kind of internal representation that Redis would use for the value.',
  'REFCOUNT <key>',
  '    Return the number of references of the value.',
  'HELP',
  '    Print this help.',
];

function object(run: (client: Client, key: string) => void) {
  return (client: Client, args: string[]): void => {
    if (client.db.find(args[2]!) === undefined) client.reply.null();
    else run(client, args[2]!);
  };
}

const objectKey = { keys: [2, 2, 1] } as const;

export const keyCommands: readonly Command[] = [
  writes('del', -2, del, allKeys),
  writes('unlink', -2, del, allKeys),
  reads('exists', -2, exists, allKeys),
  reads('touch', -2, exists, allKeys),
  reads('type', 2, type),
  writes(
    'rename',
    3,
    (client, args) => {
      rename(client, args[1]!, args[2]!, true);
      client.reply.ok();
    },
    [1, 2, 1],
  ),
  writes(
    'renamenx',
    3,
    (client, args) => client.reply.flag(rename(client, args[1]!, args[2]!, false)),
    [1, 2, 1],
  ),
  writes('copy', -3, copy, [1, 2, 1]),
  writes('move', 3, move),
  command('keys', 2, keys),
  command('scan', -2, scan),
  command('randomkey', 1, ({ db, reply }) => reply.bulkOrNull(db.randomKey())),
  command('object', -2, () => {}, {
    keys: oneKey,
    subcommands: {
      encoding: command(
        'object|encoding',
        3,
        object(({ db, reply }, key) => reply.bulk(encodingOf(db.get(key)!))),
        objectKey,
      ),
      refcount: command(
        'object|refcount',
        3,
        object(({ reply }) => reply.integer(1)),
        objectKey,
      ),
      help: command('object|help', 2, ({ reply }) => {
        reply.array(objectHelp.length);
        for (const line of objectHelp) reply.simple(line);
      }),
    },
  }),
];
