import type { Client } from '../client.ts';
import { parameters } from '../config.ts';
import { globMatches } from '../data/glob.ts';
import { CommandError } from '../errors.ts';
import { information } from '../information.ts';
import { type Command, command } from './command.ts';
import { commandSubcommands, describeAll } from './introspection.ts';

function info({ server, reply }: Client, args: string[]): void {
  reply.verbatim(information(server, new Set(args.slice(1).map((section) => section.toLowerCase()))));
}

function configGet({ server, reply }: Client, args: string[]): void {
  const wanted = args.slice(2).map((pattern) => pattern.toLowerCase());
  const found = [...parameters(server.config)].filter(([name]) =>
    wanted.some((pattern) => globMatches(pattern, name)),
  );
  reply.map(found.length);
  for (const [name, value] of found) {
    reply.bulk(name);
    reply.bulk(Buffer.from(value, 'utf8').latin1Slice());
  }
}

function configSet({ server }: Client, args: string[]): void {
  const known = parameters(server.config).has(args[2]!.toLowerCase());
  throw new CommandError(
    known
      ? `ERR CONFIG SET failed (possibly related to argument '${args[2]}') - can't set immutable config`
      : `ERR Unknown option or number of arguments for CONFIG SET - '${args[2]}'`,
  );
}

function time({ server, reply }: Client): void {
  const { now } = server;
  reply.bulks([String(Math.floor(now / 1000)), String((now % 1000) * 1000)]);
}

function shutdown(client: Client): void {
  client.closing = true;
  client.server.shutdown();
}

export const serverCommands: readonly Command[] = [
  command('info', -1, info),
  command('time', 1, time),
  command('lolwut', -1, ({ reply }) => reply.verbatim('gopark: goroutines and event loops for Node.js\n')),
  command('shutdown', -1, shutdown, { neverQueued: true }),
  command('command', -1, describeAll, { subcommands: commandSubcommands }),
  command('config', -2, () => {}, {
    subcommands: {
      get: command('config|get', -3, configGet),
      set: command('config|set', -4, configSet),
      resetstat: command('config|resetstat', 2, ({ server, reply }) => {
        for (const name of Object.keys(server.stats) as (keyof typeof server.stats)[]) server.stats[name] = 0;
        reply.ok();
      }),
    },
  }),
];
