import type { Client } from '../client.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { parseDouble } from '../protocol/doubles.ts';
import { type Command, command, type KeyPositions, noKeys } from './command.ts';
import { type End, moveElement, popFrom, popOptions, take, toEnd } from './lists.ts';
import { sortedSetOf, takeScored } from './sorted-sets.ts';
import { written } from './values.ts';

const badTimeout = new CommandError('ERR timeout is not a float or out of range');
const negativeTimeout = new CommandError('ERR timeout is negative');
/** Seconds; more could not be told from for ever. */
const LONGEST = 2 ** 53 / 1000;

/** Milliseconds, 0 for ever. */
function toTimeout(text: string): number {
  const seconds = parseDouble(text);
  if (seconds === null || Number.isNaN(seconds) || seconds > LONGEST) throw badTimeout;
  if (seconds < 0) throw negativeTimeout;
  return Math.ceil(seconds * 1000);
}

function toLimit(text: string): 'MIN' | 'MAX' {
  const end = text.toUpperCase();
  if (end !== 'MIN' && end !== 'MAX') throw syntaxError;
  return end;
}

interface Wish {
  readonly keys: readonly string[];
  readonly kind: 'list' | 'zset';
  readonly ms: number;
  readonly serve: (key: string) => boolean;
  readonly giveUp: () => void;
}

/** Serves from the first key that has something, or waits; within EXEC nobody waits. */
function serveOrWait(client: Client, wish: Wish): void {
  for (const key of wish.keys) if (wish.serve(key)) return;
  if (client.executing) wish.giveUp();
  else client.server.blocked.add(client, wish);
}

function popping(end: End) {
  return (client: Client, args: string[]): void => {
    const { db, reply } = client;
    const ms = toTimeout(args.at(-1)!);
    const serve = (key: string): boolean => {
      const list = db.getKind(key, 'list');
      if (list === undefined) return false;
      reply.array(2);
      reply.bulk(key);
      reply.bulk(take(list, end));
      written(client, key, list);
      client.logged = [[end === 'LEFT' ? 'lpop' : 'rpop', key]];
      return true;
    };
    serveOrWait(client, {
      keys: args.slice(1, -1),
      kind: 'list',
      ms,
      serve,
      giveUp: () => reply.nullArray(),
    });
  };
}

function moving(client: Client, [from, to]: [string, string], ends: [End, End], timeout: string): void {
  const ms = toTimeout(timeout);
  const serve = (key: string): boolean => moveElement(client, [key, to], ends);
  serveOrWait(client, { keys: [from], kind: 'list', ms, serve, giveUp: () => client.reply.null() });
}

function blmpop(client: Client, args: string[]): void {
  const ms = toTimeout(args[1]!);
  const { keys, end, count } = popOptions(args, 2, toEnd);
  const serve = (key: string): boolean => popFrom(client, key, end, count);
  serveOrWait(client, { keys, kind: 'list', ms, serve, giveUp: () => client.reply.nullArray() });
}

function zpopping(end: 'MIN' | 'MAX') {
  return (client: Client, args: string[]): void => {
    const { reply } = client;
    const ms = toTimeout(args.at(-1)!);
    const serve = (key: string): boolean => {
      const set = sortedSetOf(client, key);
      if (set === undefined) return false;
      const [taken] = takeScored(client, key, set, end, 1);
      reply.array(3);
      reply.bulk(key);
      reply.bulk(taken!.member);
      reply.double(taken!.score);
      client.logged = [['zrem', key, taken!.member]];
      return true;
    };
    serveOrWait(client, {
      keys: args.slice(1, -1),
      kind: 'zset',
      ms,
      serve,
      giveUp: () => reply.nullArray(),
    });
  };
}

function popScoredFrom(client: Client, key: string, end: 'MIN' | 'MAX', count: number): boolean {
  const { reply } = client;
  const set = sortedSetOf(client, key);
  if (set === undefined) return false;
  const taken = takeScored(client, key, set, end, count);
  reply.array(2);
  reply.bulk(key);
  reply.array(taken.length);
  for (const { member, score } of taken) {
    reply.array(2);
    reply.bulk(member);
    reply.double(score);
  }
  client.logged = [['zrem', key, ...taken.map(({ member }) => member)]];
  return true;
}

function zmpop(client: Client, args: string[]): void {
  const { keys, end, count } = popOptions(args, 1, toLimit);
  if (!keys.some((key) => popScoredFrom(client, key, end, count))) client.reply.nullArray();
}

function bzmpop(client: Client, args: string[]): void {
  const ms = toTimeout(args[1]!);
  const { keys, end, count } = popOptions(args, 2, toLimit);
  const serve = (key: string): boolean => popScoredFrom(client, key, end, count);
  serveOrWait(client, { keys, kind: 'zset', ms, serve, giveUp: () => client.reply.nullArray() });
}

function blocking(name: string, arity: number, run: Command['run'], keys: KeyPositions): Command {
  return command(name, arity, run, { keys, write: true, blocking: true });
}

const untilTimeout: KeyPositions = [1, -2, 1];

export const blockingCommands: readonly Command[] = [
  blocking('blpop', -3, popping('LEFT'), untilTimeout),
  blocking('brpop', -3, popping('RIGHT'), untilTimeout),
  blocking(
    'blmove',
    6,
    (client, args) => moving(client, [args[1]!, args[2]!], [toEnd(args[3]!), toEnd(args[4]!)], args[5]!),
    [1, 2, 1],
  ),
  blocking(
    'brpoplpush',
    4,
    (client, args) => moving(client, [args[1]!, args[2]!], ['RIGHT', 'LEFT'], args[3]!),
    [1, 2, 1],
  ),
  blocking('blmpop', -5, blmpop, noKeys),
  blocking('bzpopmin', -3, zpopping('MIN'), untilTimeout),
  blocking('bzpopmax', -3, zpopping('MAX'), untilTimeout),
  blocking('bzmpop', -5, bzmpop, noKeys),
  command('zmpop', -4, zmpop, { write: true }),
];
