import type { Client } from '../client.ts';
import { globMatches } from '../data/glob.ts';
import { Members } from '../data/members.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { argument, countedKeys, toCount, toInteger } from './arguments.ts';
import { allKeys, type Command, noKeys, reads, writes } from './command.ts';
import { scanOptions } from './keys.ts';
import { setFor, written } from './values.ts';

function setOf({ db }: Client, key: string): Members | undefined {
  return db.getKind(key, 'set');
}

function sadd(client: Client, args: string[]): void {
  const set = setFor(client, args[1]!);
  let added = 0;
  for (let i = 2; i < args.length; i++) if (set.add(args[i]!)) added++;
  written(client, args[1]!, set, added);
  client.reply.integer(added);
}

function srem(client: Client, args: string[]) {
  const set = setOf(client, args[1]!);
  if (set === undefined) return client.reply.integer(0);
  let removed = 0;
  for (let i = 2; i < args.length; i++) if (set.delete(args[i]!)) removed++;
  written(client, args[1]!, set, removed);
  client.reply.integer(removed);
}

function smismember(client: Client, args: string[]): void {
  const set = setOf(client, args[1]!);
  client.reply.array(args.length - 2);
  for (let i = 2; i < args.length; i++) client.reply.flag(set?.has(args[i]!) ?? false);
}

function replySet({ reply }: Client, keys: Iterable<string>, size: number): void {
  reply.set(size);
  for (const key of keys) reply.bulk(key);
}

function spop(client: Client, args: string[]) {
  const { reply } = client;
  const key = args[1]!;
  if (args.length > 3) throw syntaxError;
  const count = args.length === 3 ? toCount(args[2]!) : null;
  const set = setOf(client, key);
  if (set === undefined) return count === null ? reply.null() : reply.set(0);
  const chosen = set.members.sample(count ?? 1).map((member) => member.key);
  for (const member of chosen) set.delete(member);
  if (count === null) reply.bulk(chosen[0]!);
  else replySet(client, chosen, chosen.length);
  written(client, key, set, chosen.length);
  client.logged = chosen.length > 0 ? [['srem', key, ...chosen]] : null;
}

function srandmember(client: Client, args: string[]) {
  const { reply } = client;
  if (args.length > 3) throw syntaxError;
  const count = args.length === 3 ? toInteger(args[2]!) : null;
  const members = setOf(client, args[1]!)?.members;
  if (count === null) return reply.bulkOrNull(members?.random().key);
  const chosen = members === undefined || count < 0 ? [] : members.sample(count);
  if (members !== undefined) for (let i = count; i < 0; i++) chosen.push(members.random());
  reply.bulks(chosen.map(({ key }) => key));
}

function smove(client: Client, args: string[]) {
  const { db, reply, server } = client;
  const [, from, to, member] = args as [string, string, string, string];
  const source = setOf(client, from);
  // The second key is looked at only if there is something to move.
  if (source === undefined) return reply.integer(0);
  setOf(client, to);
  if (from === to) return reply.flag(source.has(member));
  if (!source.delete(member)) return reply.integer(0);
  written(client, from, source);
  const target = setFor(client, to);
  if (target.add(member)) server.dirty++;
  db.changed(to);
  reply.integer(1);
}

type Operation = (sets: readonly (Members | undefined)[]) => Iterable<string>;

function* intersection(sets: readonly (Members | undefined)[]): Generator<string> {
  if (sets.includes(undefined)) return;
  const [smallest, ...others] = (sets as Members[]).toSorted((a, b) => a.length - b.length);
  for (const key of smallest!.keys()) if (others.every((set) => set.has(key))) yield key;
}

function union(sets: readonly (Members | undefined)[]): Iterable<string> {
  const all = new Set<string>();
  for (const set of sets) for (const key of set?.keys() ?? []) all.add(key);
  return all;
}

function* difference(sets: readonly (Members | undefined)[]): Generator<string> {
  const [first, ...others] = sets;
  for (const key of first?.keys() ?? []) if (!others.some((set) => set?.has(key))) yield key;
}

function answers(operation: Operation) {
  return (client: Client, args: string[]): void => {
    const found = [...operation(args.slice(1).map((key) => setOf(client, key)))];
    replySet(client, found, found.length);
  };
}

function stores(operation: Operation) {
  return (client: Client, args: string[]): void => {
    const { db, reply, server } = client;
    const target = args[1]!;
    const result = new Members();
    for (const key of operation(args.slice(2).map((name) => setOf(client, name)))) result.add(key);
    const existed = db.delete(target);
    if (result.length > 0) db.put(target, result);
    if (existed || result.length > 0) {
      db.changed(target);
      server.dirty++;
    }
    reply.integer(result.length);
  };
}

function sintercard(client: Client, args: string[]): void {
  const count = toInteger(args[1]!, new CommandError('ERR numkeys should be greater than 0'));
  if (count < 1) throw new CommandError('ERR numkeys should be greater than 0');
  if (count + 2 > args.length) {
    throw new CommandError("ERR Number of keys can't be greater than number of args");
  }
  const { keys, end } = countedKeys(args, 1, 'sintercard');
  const limit = limitOption(args, end);
  const sets = keys.map((key) => setOf(client, key));
  let found = 0;
  for (const _ of intersection(sets)) if (++found === limit) break;
  client.reply.integer(found);
}

/** `[LIMIT limit]` at the end; 0: none. */
export function limitOption(args: string[], start: number): number {
  let limit = 0;
  for (let i = start; i < args.length; i += 2) {
    if (args[i]!.toUpperCase() !== 'LIMIT') throw syntaxError;
    limit = toCount(argument(args, i + 1), new CommandError("ERR LIMIT can't be negative"));
  }
  return limit;
}

function sscan(client: Client, args: string[]): void {
  const { reply } = client;
  const { cursor, count, match } = scanOptions(args, 2);
  const found: string[] = [];
  const next =
    setOf(client, args[1]!)?.members.scan(cursor, count, ({ key }) => {
      if (match === null || globMatches(match, key)) found.push(key);
    }) ?? 0;
  reply.array(2);
  reply.bulk(String(next));
  reply.bulks(found);
}

export const setCommands: readonly Command[] = [
  writes('sadd', -3, sadd),
  writes('srem', -3, srem),
  reads('sismember', 3, (client, args) => client.reply.flag(setOf(client, args[1]!)?.has(args[2]!) ?? false)),
  reads('smismember', -3, smismember),
  reads('smembers', 2, (client, args) => {
    const set = setOf(client, args[1]!);
    replySet(client, set?.keys() ?? [], set?.length ?? 0);
  }),
  reads('scard', 2, (client, args) => client.reply.integer(setOf(client, args[1]!)?.length ?? 0)),
  writes('spop', -2, spop),
  reads('srandmember', -2, srandmember),
  writes('smove', 4, smove, [1, 2, 1]),
  reads('sinter', -2, answers(intersection), allKeys),
  reads('sunion', -2, answers(union), allKeys),
  reads('sdiff', -2, answers(difference), allKeys),
  writes('sinterstore', -3, stores(intersection), allKeys),
  writes('sunionstore', -3, stores(union), allKeys),
  writes('sdiffstore', -3, stores(difference), allKeys),
  reads('sintercard', -3, sintercard, noKeys),
  reads('sscan', -3, sscan),
];
