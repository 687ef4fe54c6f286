import type { Client } from '../client.ts';
import { CommandError } from '../errors.ts';
import { type Command, reads, writes } from './command.ts';
import { type TimeUnit, toInstant } from './times.ts';

const incompatible = new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible');
const bothWays = new CommandError('ERR GT and LT options at the same time are not compatible');

/** Whether a key that ends at `old` (0: never) may end at `when`, by the options from the third word on. */
function mayExpire(args: string[], old: number, when: number): boolean {
  const options = new Set<string>();
  for (const word of args.slice(3)) {
    const option = word.toUpperCase();
    if (!['NX', 'XX', 'GT', 'LT'].includes(option)) throw new CommandError(`ERR Unsupported option ${word}`);
    options.add(option);
  }
  if (options.has('NX') && options.size > 1) throw incompatible;
  if (options.has('GT') && options.has('LT')) throw bothWays;
  if (options.has('NX') && old !== 0) return false;
  if (options.has('XX') && old === 0) return false;
  if (options.has('GT') && (old === 0 || when <= old)) return false;
  return !(options.has('LT') && old !== 0 && when >= old);
}

function expire(unit: TimeUnit) {
  return (client: Client, args: string[]) => {
    const { db, reply, server } = client;
    const key = args[1]!;
    mayExpire(args, 0, 0);
    const when = toInstant(args[2]!, unit, server.now, args[0]!);
    const entry = db.find(key);
    if (entry === undefined || !mayExpire(args, entry.expiresAt, when)) return reply.integer(0);
    if (when <= server.now && server.expires) {
      db.delete(key);
      client.logged = [['del', key]];
    } else {
      db.expireAt(entry, when);
      client.logged = [['pexpireat', key, String(when)]];
    }
    db.changed(key);
    server.dirty++;
    reply.integer(1);
  };
}

/** When a key ends, as `show` has it; -1: never, -2: there is no such key. */
function tells(show: (when: number, now: number) => number) {
  return ({ db, reply, server }: Client, args: string[]) => {
    const entry = db.find(args[1]!);
    if (entry === undefined) return reply.integer(-2);
    reply.integer(entry.expiresAt === 0 ? -1 : show(entry.expiresAt, server.now));
  };
}

function persist({ db, reply, server }: Client, args: string[]) {
  const entry = db.find(args[1]!);
  if (entry === undefined || !db.persist(entry)) return reply.integer(0);
  db.changed(args[1]!);
  server.dirty++;
  reply.integer(1);
}

export const expiryCommands: readonly Command[] = [
  writes('expire', -3, expire({ ms: 1000, absolute: false })),
  writes('pexpire', -3, expire({ ms: 1, absolute: false })),
  writes('expireat', -3, expire({ ms: 1000, absolute: true })),
  writes('pexpireat', -3, expire({ ms: 1, absolute: true })),
  reads(
    'ttl',
    2,
    tells((when, now) => Math.floor((when - now + 500) / 1000)),
  ),
  reads(
    'pttl',
    2,
    tells((when, now) => when - now),
  ),
  reads(
    'expiretime',
    2,
    tells((when) => Math.floor((when + 500) / 1000)),
  ),
  reads(
    'pexpiretime',
    2,
    tells((when) => when),
  ),
  writes('persist', 2, persist),
];
