import type { Client } from '../client.ts';
import type { List } from '../data/list.ts';
import { CommandError, noSuchKey, outOfRange, syntaxError } from '../errors.ts';
import { argument, countedKeys, span, toCount, toInteger } from './arguments.ts';
import { type Command, reads, writes } from './command.ts';
import { listFor, written } from './values.ts';

export type End = 'LEFT' | 'RIGHT';

export function toEnd(text: string): End {
  const end = text.toUpperCase();
  if (end !== 'LEFT' && end !== 'RIGHT') throw syntaxError;
  return end;
}

export function take(list: List, end: End): string {
  return end === 'LEFT' ? list.shift() : list.pop();
}

function put(list: List, end: End, value: string): void {
  if (end === 'LEFT') list.unshift(value);
  else list.push(value);
}

function pushing(end: End, onlyExisting: boolean) {
  return (client: Client, args: string[]) => {
    const { db, reply, server } = client;
    const key = args[1]!;
    const found = db.getKind(key, 'list');
    if (found === undefined && onlyExisting) return reply.integer(0);
    const list = found ?? listFor(client, key);
    for (let i = 2; i < args.length; i++) put(list, end, args[i]!);
    reply.integer(list.length);
    written(client, key, list, args.length - 2);
    server.blocked.keyReady(db, key);
  };
}

function popping(end: End) {
  return (client: Client, args: string[]) => {
    const { db, reply } = client;
    const key = args[1]!;
    if (args.length > 3) throw new CommandError(`ERR wrong number of arguments for '${args[0]}' command`);
    const count = args.length === 3 ? toCount(args[2]!) : null;
    const list = db.getKind(key, 'list');
    if (list === undefined) return count === null ? reply.null() : reply.nullArray();
    if (count === null) {
      reply.bulk(take(list, end));
      return written(client, key, list);
    }
    popMany(client, key, list, end, count);
  };
}

/** Takes up to `count` and writes them as an array. */
export function popMany(client: Client, key: string, list: List, end: End, count: number): void {
  const taken = Math.min(count, list.length);
  client.reply.array(taken);
  for (let i = 0; i < taken; i++) client.reply.bulk(take(list, end));
  written(client, key, list, taken);
}

function llen({ db, reply }: Client, args: string[]): void {
  reply.integer(db.getKind(args[1]!, 'list')?.length ?? 0);
}

function lrange({ db, reply }: Client, args: string[]) {
  const start = toInteger(args[2]!);
  const stop = toInteger(args[3]!);
  const list = db.getKind(args[1]!, 'list');
  const range = list === undefined ? null : span(start, stop, list.length);
  if (range === null) return reply.array(0);
  reply.array(range.to - range.from + 1);
  for (let i = range.from; i <= range.to; i++) reply.bulk(list!.at(i));
}

/** A position from the end when negative; -1: there is none. */
function position(list: List, index: number): number {
  const at = index < 0 ? index + list.length : index;
  return at >= 0 && at < list.length ? at : -1;
}

function lindex({ db, reply }: Client, args: string[]) {
  const list = db.getKind(args[1]!, 'list');
  if (list === undefined) return reply.null();
  const at = position(list, toInteger(args[2]!));
  if (at < 0) reply.null();
  else reply.bulk(list.at(at));
}

function lset(client: Client, args: string[]): void {
  const list = client.db.getKind(args[1]!, 'list');
  if (list === undefined) throw noSuchKey;
  const at = position(list, toInteger(args[2]!));
  if (at < 0) throw outOfRange;
  list.set(at, args[3]!);
  written(client, args[1]!, list);
  client.reply.ok();
}

function linsert(client: Client, args: string[]) {
  const where = args[2]!.toUpperCase();
  if (where !== 'BEFORE' && where !== 'AFTER') throw syntaxError;
  const list = client.db.getKind(args[1]!, 'list');
  if (list === undefined) return client.reply.integer(0);
  for (let i = 0; i < list.length; i++) {
    if (list.at(i) !== args[3]) continue;
    list.insert(where === 'BEFORE' ? i : i + 1, args[4]!);
    written(client, args[1]!, list);
    return client.reply.integer(list.length);
  }
  client.reply.integer(-1);
}

function lrem(client: Client, args: string[]) {
  const count = toInteger(args[2]!);
  const list = client.db.getKind(args[1]!, 'list');
  if (list === undefined) return client.reply.integer(0);
  const wanted = args[3]!;
  let matches = 0;
  for (let i = 0; i < list.length; i++) if (list.at(i) === wanted) matches++;
  const removed = count === 0 ? matches : Math.min(matches, Math.abs(count));
  // From the end, the first matches stay.
  const first = count < 0 ? matches - removed : 0;
  let seen = 0;
  list.filter((value) => {
    if (value !== wanted) return true;
    const nth = seen++;
    return nth < first || nth >= first + removed;
  });
  written(client, args[1]!, list, removed);
  client.reply.integer(removed);
}

function ltrim(client: Client, args: string[]) {
  const start = toInteger(args[2]!);
  const stop = toInteger(args[3]!);
  const list = client.db.getKind(args[1]!, 'list');
  if (list === undefined) return client.reply.ok();
  const { from, to } = span(start, stop, list.length) ?? { from: list.length, to: list.length };
  const behind = Math.max(0, list.length - 1 - to);
  for (let i = 0; i < behind; i++) list.pop();
  for (let i = 0; i < from && list.length > 0; i++) list.shift();
  written(client, args[1]!, list);
  client.reply.ok();
}

const zeroRank = new CommandError(
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
);

function lpos({ db, reply }: Client, args: string[]): void {
  let rank = 1;
  let count: number | null = null;
  let most = 0;
  for (let i = 3; i < args.length; i += 2) {
    const option = args[i]!.toUpperCase();
    const value = argument(args, i + 1);
    if (option === 'RANK') {
      rank = toInteger(value);
      if (rank === 0) throw zeroRank;
    } else if (option === 'COUNT') {
      count = toCount(value, new CommandError("ERR COUNT can't be negative"));
    } else if (option === 'MAXLEN') {
      most = toCount(value, new CommandError("ERR MAXLEN can't be negative"));
    } else {
      throw syntaxError;
    }
  }
  const list = db.getKind(args[1]!, 'list');
  const found = list === undefined ? [] : positions(list, args[2]!, { rank, count: count ?? 1, most });
  if (count === null) {
    if (found.length === 0) reply.null();
    else reply.integer(found[0]!);
    return;
  }
  reply.array(found.length);
  for (const at of found) reply.integer(at);
}

function positions(
  list: List,
  wanted: string,
  { rank, count, most }: { rank: number; count: number; most: number },
): number[] {
  const found: number[] = [];
  let skips = Math.abs(rank) - 1;
  const looked = most === 0 ? list.length : Math.min(most, list.length);
  for (let i = 0; i < looked; i++) {
    const at = rank > 0 ? i : list.length - 1 - i;
    if (list.at(at) !== wanted || skips-- > 0) continue;
    found.push(at);
    if (found.length === count) break;
  }
  return found;
}

/** Moves one element; false: there is none. */
export function moveElement(
  client: Client,
  keys: readonly [string, string],
  ends: readonly [End, End],
): boolean {
  const { db, reply, server } = client;
  const [from, to] = keys;
  const source = db.getKind(from, 'list');
  if (source === undefined) return false;
  const target = from === to ? source : listFor(client, to);
  const value = take(source, ends[0]);
  put(target, ends[1], value);
  reply.bulk(value);
  written(client, from, source);
  if (from !== to) db.changed(to);
  server.blocked.keyReady(db, to);
  client.logged = [['lmove', from, to, ends[0], ends[1]]];
  return true;
}

function lmove(client: Client, args: string[]): void {
  const ends = [toEnd(args[3]!), toEnd(args[4]!)] as const;
  if (!moveElement(client, [args[1]!, args[2]!], ends)) client.reply.null();
}

function rpoplpush(client: Client, args: string[]): void {
  if (!moveElement(client, [args[1]!, args[2]!], ['RIGHT', 'LEFT'])) client.reply.null();
}

const noKeyCount = new CommandError('ERR numkeys should be greater than 0');
const noPopCount = new CommandError('ERR count should be greater than 0');

/** `numkeys key [key ...] END [COUNT count]`, the number at `index`. */
export function popOptions<E>(
  args: string[],
  index: number,
  toEnd: (text: string) => E,
): { keys: string[]; end: E; count: number } {
  if (toInteger(args[index]!, noKeyCount) < 1) throw noKeyCount;
  const { keys, end: at } = countedKeys(args, index, args[0]!);
  const end = toEnd(argument(args, at));
  if (args.length === at + 1) return { keys, end, count: 1 };
  if (args.length !== at + 3 || args[at + 1]!.toUpperCase() !== 'COUNT') throw syntaxError;
  const count = toInteger(args[at + 2]!, noPopCount);
  if (count < 1) throw noPopCount;
  return { keys, end, count };
}

/** The key and what was taken from it; false: the list is not there. */
export function popFrom(client: Client, key: string, end: End, count: number): boolean {
  const list = client.db.getKind(key, 'list');
  if (list === undefined) return false;
  client.reply.array(2);
  client.reply.bulk(key);
  const taken = Math.min(count, list.length);
  popMany(client, key, list, end, count);
  client.logged = [[end === 'LEFT' ? 'lpop' : 'rpop', key, String(taken)]];
  return true;
}

function lmpop(client: Client, args: string[]): void {
  const { keys, end, count } = popOptions(args, 1, toEnd);
  if (!keys.some((key) => popFrom(client, key, end, count))) client.reply.nullArray();
}

export const listCommands: readonly Command[] = [
  writes('lpush', -3, pushing('LEFT', false)),
  writes('rpush', -3, pushing('RIGHT', false)),
  writes('lpushx', -3, pushing('LEFT', true)),
  writes('rpushx', -3, pushing('RIGHT', true)),
  writes('lpop', -2, popping('LEFT')),
  writes('rpop', -2, popping('RIGHT')),
  reads('llen', 2, llen),
  reads('lrange', 4, lrange),
  reads('lindex', 3, lindex),
  writes('lset', 4, lset),
  writes('linsert', 5, linsert),
  writes('lrem', 4, lrem),
  writes('ltrim', 4, ltrim),
  reads('lpos', -3, lpos),
  writes('lmove', 5, lmove, [1, 2, 1]),
  writes('rpoplpush', 3, rpoplpush, [1, 2, 1]),
  writes('lmpop', -4, lmpop, [0, 0, 0]),
];
