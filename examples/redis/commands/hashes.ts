import type { Client } from '../client.ts';
import { globMatches } from '../data/glob.ts';
import type { Hash } from '../data/hash.ts';
import { CommandError, notFloat, syntaxError } from '../errors.ts';
import { parseDouble, sumOfDecimals } from '../protocol/doubles.ts';
import { isInteger, sum } from '../protocol/integers.ts';
import { toInteger } from './arguments.ts';
import { type Command, reads, writes } from './command.ts';
import { scanOptions } from './keys.ts';
import { hashFor, written } from './values.ts';

function hashOf({ db }: Client, args: string[]): Hash | undefined {
  return db.getKind(args[1]!, 'hash');
}

function setAll(client: Client, args: string[]): number {
  if (args.length % 2 !== 0) throw new CommandError(`ERR wrong number of arguments for '${args[0]}' command`);
  const hash = hashFor(client, args[1]!);
  let added = 0;
  for (let i = 2; i < args.length; i += 2) if (hash.set(args[i]!, args[i + 1]!)) added++;
  written(client, args[1]!, hash, (args.length - 2) / 2);
  return added;
}

function hsetnx(client: Client, args: string[]) {
  if (hashOf(client, args)?.get(args[2]!) !== undefined) return client.reply.integer(0);
  const hash = hashFor(client, args[1]!);
  hash.set(args[2]!, args[3]!);
  written(client, args[1]!, hash);
  client.reply.integer(1);
}

function hmget(client: Client, args: string[]): void {
  const hash = hashOf(client, args);
  client.reply.array(args.length - 2);
  for (let i = 2; i < args.length; i++) client.reply.bulkOrNull(hash?.get(args[i]!));
}

function hgetall(client: Client, args: string[]): void {
  const { reply } = client;
  const hash = hashOf(client, args);
  reply.map(hash?.length ?? 0);
  for (const { key, value } of hash?.fields.all() ?? []) {
    reply.bulk(key);
    reply.bulk(value);
  }
}

function hdel(client: Client, args: string[]) {
  const hash = hashOf(client, args);
  if (hash === undefined) return client.reply.integer(0);
  let deleted = 0;
  for (let i = 2; i < args.length; i++) if (hash.delete(args[i]!)) deleted++;
  written(client, args[1]!, hash, deleted);
  client.reply.integer(deleted);
}

function hincrby(client: Client, args: string[]): void {
  const { reply } = client;
  const change = args[3]!;
  toInteger(change);
  const old = hashOf(client, args)?.get(args[2]!) ?? '0';
  if (!isInteger(old)) throw new CommandError('ERR hash value is not an integer');
  const value = sum(old, change);
  if (value === null) throw new CommandError('ERR increment or decrement would overflow');
  const hash = hashFor(client, args[1]!);
  hash.set(args[2]!, value);
  written(client, args[1]!, hash);
  reply.spelledInteger(value);
}

function hincrbyfloat(client: Client, args: string[]): void {
  const change = parseDouble(args[3]!);
  if (change === null) throw notFloat;
  if (!Number.isFinite(change)) throw new CommandError('ERR value is NaN or Infinity');
  const old = hashOf(client, args)?.get(args[2]!) ?? '0';
  if (parseDouble(old) === null) throw new CommandError('ERR hash value is not a float');
  const value = Number.isFinite(parseDouble(old)) ? sumOfDecimals(old, args[3]!) : null;
  if (value === null) throw new CommandError('ERR increment would produce NaN or Infinity');
  const hash = hashFor(client, args[1]!);
  hash.set(args[2]!, value);
  written(client, args[1]!, hash);
  client.logged = [['hset', args[1]!, args[2]!, value]];
  client.reply.bulk(value);
}

function hrandfield(client: Client, args: string[]) {
  const { reply } = client;
  if (args.length > 4 || (args.length === 4 && args[3]!.toUpperCase() !== 'WITHVALUES')) throw syntaxError;
  const count = args.length > 2 ? toInteger(args[2]!) : null;
  const withValues = args.length === 4;
  const fields = hashOf(client, args)?.fields;
  if (count === null) return reply.bulkOrNull(fields?.random().key);
  const chosen = fields === undefined ? [] : count >= 0 ? fields.sample(count) : [];
  // A negative count: that many, the same one perhaps more than once.
  if (fields !== undefined) for (let i = count; i < 0; i++) chosen.push(fields.random());
  const nested = withValues && reply.protocol === 3;
  reply.array(withValues && !nested ? chosen.length * 2 : chosen.length);
  for (const { key, value } of chosen) {
    if (nested) reply.array(2);
    reply.bulk(key);
    if (withValues) reply.bulk(value);
  }
}

function hscan(client: Client, args: string[]): void {
  const { reply } = client;
  const { cursor, count, match } = scanOptions(args, 2);
  const found: string[] = [];
  const next =
    hashOf(client, args)?.fields.scan(cursor, count, ({ key, value }) => {
      if (match === null || globMatches(match, key)) found.push(key, value);
    }) ?? 0;
  reply.array(2);
  reply.bulk(String(next));
  reply.bulks(found);
}

function all(which: 'key' | 'value') {
  return (client: Client, args: string[]): void => {
    const fields = hashOf(client, args)?.fields.all() ?? [];
    client.reply.array(fields.length);
    for (const field of fields) client.reply.bulk(field[which]);
  };
}

export const hashCommands: readonly Command[] = [
  writes('hset', -4, (client, args) => client.reply.integer(setAll(client, args))),
  writes('hmset', -4, (client, args) => {
    setAll(client, args);
    client.reply.ok();
  }),
  writes('hsetnx', 4, hsetnx),
  reads('hget', 3, (client, args) => client.reply.bulkOrNull(hashOf(client, args)?.get(args[2]!))),
  reads('hmget', -3, hmget),
  reads('hgetall', 2, hgetall),
  writes('hdel', -3, hdel),
  reads('hlen', 2, (client, args) => client.reply.integer(hashOf(client, args)?.length ?? 0)),
  reads('hstrlen', 3, (client, args) =>
    client.reply.integer(hashOf(client, args)?.get(args[2]!)?.length ?? 0),
  ),
  reads('hexists', 3, (client, args) => client.reply.flag(hashOf(client, args)?.get(args[2]!) !== undefined)),
  reads('hkeys', 2, all('key')),
  reads('hvals', 2, all('value')),
  writes('hincrby', 4, hincrby),
  writes('hincrbyfloat', 4, hincrbyfloat),
  reads('hrandfield', -2, hrandfield),
  reads('hscan', -3, hscan),
];
