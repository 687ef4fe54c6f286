import type { Client } from '../client.ts';
import { CommandError, notFloat, notInteger, syntaxError } from '../errors.ts';
import { parseDouble, sumOfDecimals } from '../protocol/doubles.ts';
import { isInteger, negated, sum } from '../protocol/integers.ts';
import { limits } from '../protocol/limits.ts';
import { argument, span, toInteger } from './arguments.ts';
import { type Command, command, reads, writes } from './command.ts';
import { type TimeUnit, timeOptions, toFuture } from './times.ts';

const everyOther = [1, -1, 2] as const;

function get(client: Client, args: string[]): void {
  client.reply.bulkOrNull(client.db.getString(args[1]!));
}

interface SetOptions {
  when: 'NX' | 'XX' | null;
  unit: TimeUnit | null;
  time: string;
  keepsTime: boolean;
  answersOld: boolean;
}

function setOptions(args: string[]): SetOptions {
  const found: SetOptions = { when: null, unit: null, time: '', keepsTime: false, answersOld: false };
  for (let i = 3; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    const unit = timeOptions.get(option);
    if ((option === 'NX' || option === 'XX') && (found.when === null || found.when === option)) {
      found.when = option;
    } else if (option === 'GET') {
      found.answersOld = true;
    } else if (option === 'KEEPTTL' && found.unit === null) {
      found.keepsTime = true;
    } else if (unit !== undefined && !found.keepsTime && found.unit === null) {
      found.unit = unit;
      found.time = argument(args, ++i);
    } else {
      throw syntaxError;
    }
  }
  return found;
}

function set(client: Client, args: string[]) {
  if (args.length > 3) return setWith(client, args, setOptions(args));
  const { db, server } = client;
  const key = args[1]!;
  db.put(key, args[2]!);
  db.changed(key);
  server.dirty++;
  client.reply.ok();
}

function setWith(client: Client, args: string[], options: SetOptions) {
  const { db, reply, server } = client;
  const key = args[1]!;
  const value = args[2]!;
  const ends = options.unit === null ? 0 : toFuture(options.time, options.unit, server.now, 'set');
  const old = options.answersOld ? (db.getString(key) ?? null) : null;
  const exists = db.find(key) !== undefined;
  if (options.when !== null && exists !== (options.when === 'XX')) return reply.bulkOrNull(old);
  if (options.keepsTime) db.update(key, value);
  else db.put(key, value);
  if (ends !== 0) db.expireAt(db.find(key)!, ends);
  db.changed(key);
  server.dirty++;
  if (ends !== 0) client.logged = [['set', key, value, 'PXAT', String(ends)]];
  else client.logged = [options.keepsTime ? ['set', key, value, 'KEEPTTL'] : ['set', key, value]];
  if (options.answersOld) reply.bulkOrNull(old);
  else reply.ok();
}

function setNx(client: Client, args: string[]) {
  const { db, reply, server } = client;
  if (db.find(args[1]!) !== undefined) return reply.integer(0);
  db.put(args[1]!, args[2]!);
  db.changed(args[1]!);
  server.dirty++;
  reply.integer(1);
}

function setFor(unit: string) {
  return (client: Client, args: string[]): void => {
    const { db, server, reply } = client;
    const [name, key, time, value] = args as [string, string, string, string];
    const ends = toFuture(time, timeOptions.get(unit)!, server.now, name);
    db.put(key, value);
    db.expireAt(db.find(key)!, ends);
    db.changed(key);
    server.dirty++;
    client.logged = [['set', key, value, 'PXAT', String(ends)]];
    reply.ok();
  };
}

function getSet(client: Client, args: string[]): void {
  const { db, reply, server } = client;
  reply.bulkOrNull(db.getString(args[1]!));
  db.put(args[1]!, args[2]!);
  db.changed(args[1]!);
  server.dirty++;
  client.logged = [['set', args[1]!, args[2]!]];
}

function getDel(client: Client, args: string[]): void {
  const { db, reply, server } = client;
  const value = db.getString(args[1]!);
  reply.bulkOrNull(value);
  if (value === undefined) return;
  db.delete(args[1]!);
  db.changed(args[1]!);
  server.dirty++;
  client.logged = [['del', args[1]!]];
}

function getEx(client: Client, args: string[]) {
  const { db, reply, server } = client;
  const key = args[1]!;
  const option = args[2]?.toUpperCase();
  const unit = option === undefined ? undefined : timeOptions.get(option);
  const words = unit !== undefined ? 4 : option === 'PERSIST' ? 3 : 2;
  if (args.length !== words) throw syntaxError;
  const value = db.getString(key);
  if (value === undefined) return reply.null();
  const entry = db.find(key)!;
  if (unit !== undefined) {
    const ends = toFuture(args[3]!, unit, server.now, 'getex');
    if (ends <= server.now) {
      db.delete(key);
      client.logged = [['del', key]];
    } else {
      db.expireAt(entry, ends);
      client.logged = [['pexpireat', key, String(ends)]];
    }
    db.changed(key);
    server.dirty++;
  } else if (option === 'PERSIST' && db.persist(entry)) {
    client.logged = [['persist', key]];
    db.changed(key);
    server.dirty++;
  }
  reply.bulk(value);
}

function mget(client: Client, args: string[]): void {
  const { db, reply } = client;
  reply.array(args.length - 1);
  for (let i = 1; i < args.length; i++) {
    const value = db.get(args[i]!);
    reply.bulkOrNull(typeof value === 'string' ? value : null);
  }
}

function putAll(client: Client, args: string[]): void {
  const { db, server } = client;
  for (let i = 1; i < args.length; i += 2) {
    db.put(args[i]!, args[i + 1]!);
    db.changed(args[i]!);
    server.dirty++;
  }
}

function mustBePairs(args: string[]): void {
  // Redis says it without quotes here.
  if (args.length % 2 === 0) throw new CommandError(`ERR wrong number of arguments for '${args[0]}' command`);
}

function mset(client: Client, args: string[]): void {
  mustBePairs(args);
  putAll(client, args);
  client.reply.ok();
}

function msetNx(client: Client, args: string[]) {
  mustBePairs(args);
  for (let i = 1; i < args.length; i += 2) {
    if (client.db.find(args[i]!) !== undefined) return client.reply.integer(0);
  }
  putAll(client, args);
  client.reply.integer(1);
}

const tooLong = new CommandError('ERR string exceeds maximum allowed size (proto-max-bulk-len)');

function append(client: Client, args: string[]): void {
  const { db, reply, server } = client;
  const key = args[1]!;
  const old = db.getString(key) ?? '';
  const length = old.length + args[2]!.length;
  if (length > limits.bulk) throw tooLong;
  db.update(key, old + args[2]!);
  db.changed(key);
  server.dirty++;
  reply.integer(length);
}

function strlen(client: Client, args: string[]): void {
  client.reply.integer(client.db.getString(args[1]!)?.length ?? 0);
}

function getRange(client: Client, args: string[]) {
  const start = toInteger(args[2]!);
  const stop = toInteger(args[3]!);
  const value = client.db.getString(args[1]!) ?? '';
  // Two positions before the beginning in the wrong order are nothing, in the right one the first byte.
  if (start < 0 && stop < 0 && start > stop) return client.reply.bulk('');
  const range = span(start, Math.max(stop, -value.length), value.length);
  client.reply.bulk(range === null ? '' : value.slice(range.from, range.to + 1));
}

function setRange(client: Client, args: string[]) {
  const { db, reply, server } = client;
  const key = args[1]!;
  const offset = toInteger(args[2]!);
  const patch = args[3]!;
  if (offset < 0) throw new CommandError('ERR offset is out of range');
  const old = db.getString(key);
  if (patch === '') return reply.integer(old?.length ?? 0);
  if (offset + patch.length > limits.bulk) throw tooLong;
  const before = (old ?? '').slice(0, offset).padEnd(offset, '\0');
  const value = before + patch + (old ?? '').slice(offset + patch.length);
  db.update(key, value);
  db.changed(key);
  server.dirty++;
  reply.integer(value.length);
}

const overflow = new CommandError('ERR increment or decrement would overflow');

function add(client: Client, key: string, change: string): void {
  const { db, reply, server } = client;
  const old = db.getString(key) ?? '0';
  if (!isInteger(old)) throw notInteger;
  const value = sum(old, change);
  if (value === null) throw overflow;
  db.update(key, value);
  db.changed(key);
  server.dirty++;
  reply.spelledInteger(value);
}

function incrBy(client: Client, args: string[]): void {
  if (!isInteger(args[2]!)) throw notInteger;
  add(client, args[1]!, args[2]!);
}

function decrBy(client: Client, args: string[]): void {
  if (!isInteger(args[2]!)) throw notInteger;
  const change = negated(args[2]!);
  if (change === null) throw new CommandError('ERR decrement would overflow');
  add(client, args[1]!, change);
}

function incrByFloat(client: Client, args: string[]): void {
  const { db, reply, server } = client;
  const key = args[1]!;
  const old = db.getString(key) ?? '0';
  const first = parseDouble(old);
  const second = parseDouble(args[2]!);
  if (first === null || second === null) throw notFloat;
  const value = Number.isFinite(first) && Number.isFinite(second) ? sumOfDecimals(old, args[2]!) : null;
  if (value === null) throw new CommandError('ERR increment would produce NaN or Infinity');
  db.update(key, value);
  db.changed(key);
  server.dirty++;
  client.logged = [['set', key, value, 'KEEPTTL']];
  reply.bulk(value);
}

export const stringCommands: readonly Command[] = [
  reads('get', 2, get),
  writes('set', -3, set),
  writes('setnx', 3, setNx),
  writes('setex', 4, setFor('EX')),
  writes('psetex', 4, setFor('PX')),
  writes('getset', 3, getSet),
  writes('getdel', 2, getDel),
  writes('getex', -2, getEx),
  command('mget', -2, mget, { keys: [1, -1, 1] }),
  writes('mset', -3, mset, everyOther),
  writes('msetnx', -3, msetNx, everyOther),
  writes('append', 3, append),
  reads('strlen', 2, strlen),
  reads('getrange', 4, getRange),
  reads('substr', 4, getRange),
  writes('setrange', 4, setRange),
  writes('incr', 2, (client, args) => add(client, args[1]!, '1')),
  writes('decr', 2, (client, args) => add(client, args[1]!, '-1')),
  writes('incrby', 3, incrBy),
  writes('decrby', 3, decrBy),
  writes('incrbyfloat', 3, incrByFloat),
];
