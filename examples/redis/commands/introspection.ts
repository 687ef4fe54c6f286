import type { Client } from '../client.ts';
import { CommandError } from '../errors.ts';
import { type Command, command, hasArity } from './command.ts';

function flagsOf({
  write,
  keys,
  blocking,
  withoutPassword,
  neverQueued,
  whileSubscribed,
}: Command): string[] {
  const flags = [];
  if (write) flags.push('write', 'denyoom');
  else if (keys[0] !== 0) flags.push('readonly');
  if (blocking) flags.push('blocking');
  if (withoutPassword) flags.push('no_auth');
  if (neverQueued) flags.push('no_multi');
  if (whileSubscribed) flags.push('pubsub');
  return flags;
}

function describe({ reply }: Client, one: Command): void {
  reply.array(10);
  reply.bulk(one.name);
  reply.integer(one.arity);
  const flags = flagsOf(one);
  reply.set(flags.length);
  for (const flag of flags) reply.simple(flag);
  for (const position of one.keys) reply.integer(position);
  // Categories, tips, key specifications: nobody needs them to talk to us.
  for (let i = 0; i < 3; i++) reply.array(0);
  const subcommands = Object.values(one.subcommands ?? {});
  reply.array(subcommands.length);
}

export function describeAll(client: Client): void {
  const { all } = client.server.commands;
  client.reply.array(all.length);
  for (const one of all) describeFully(client, one);
}

function describeFully(client: Client, one: Command): void {
  describe(client, one);
  for (const sub of Object.values(one.subcommands ?? {})) describe(client, sub);
}

function named({ server }: Client, name: string): Command | null {
  const bytes = Buffer.from(name, 'latin1');
  return server.commands.find(bytes, 0, bytes.length);
}

function info(client: Client, args: string[]) {
  if (args.length === 2) return describeAll(client);
  client.reply.array(args.length - 2);
  for (const name of args.slice(2)) {
    const one = named(client, name);
    if (one === null) client.reply.nullArray();
    else describeFully(client, one);
  }
}

/** Without documentation: redis-cli asks for it, and does without. */
function docs({ reply }: Client): void {
  reply.map(0);
}

function getkeys(client: Client, args: string[]): void {
  const one = named(client, args[2]!);
  const words = args.slice(2);
  if (one === null) throw new CommandError('ERR Invalid command specified');
  const [first, last, step] = one.keys;
  if (first === 0) throw new CommandError('ERR The command has no key arguments');
  if (!hasArity(one, words.length)) {
    throw new CommandError('ERR Invalid number of arguments specified for command');
  }
  const end = last < 0 ? words.length + last : last;
  const keys: string[] = [];
  for (let i = first; i <= end; i += step) keys.push(words[i]!);
  client.reply.bulks(keys);
}

export const commandSubcommands: Readonly<Record<string, Command>> = {
  count: command('command|count', 2, ({ server, reply }) => reply.integer(server.commands.all.length)),
  list: command('command|list', -2, ({ server, reply }) =>
    reply.bulks(server.commands.all.map(({ name }) => name)),
  ),
  info: command('command|info', -2, info),
  docs: command('command|docs', -2, docs),
  getkeys: command('command|getkeys', -3, getkeys),
};
