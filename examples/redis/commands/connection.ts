import { timingSafeEqual } from 'node:crypto';
import type { Client } from '../client.ts';
import { CommandError, syntaxError, wrongArity } from '../errors.ts';
import type { ProtocolVersion } from '../protocol/reply-writer.ts';
import { VERSION } from '../version.ts';
import { argument, toInteger } from './arguments.ts';
import { clientSubcommands, setName } from './client.ts';
import { type Command, command } from './command.ts';
import { endTransaction } from './transactions.ts';

function ping(client: Client, args: string[]): void {
  const { reply } = client;
  if (args.length > 2) throw wrongArity('ping');
  if (client.subscribed && client.protocol === 2) {
    reply.array(2);
    reply.bulk('pong');
    reply.bulk(args[1] ?? '');
  } else if (args.length === 2) {
    reply.bulk(args[1]!);
  } else {
    reply.simple('PONG');
  }
}

const wrongPassword = new CommandError('WRONGPASS invalid username-password pair or user is disabled.');

function isPassword(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given, 'latin1'), Buffer.from(wanted, 'utf8')];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** There is one user, `default`. */
function authenticate(client: Client, user: string, password: string): void {
  const wanted = client.server.config.password;
  if (user !== 'default' || (wanted !== null && !isPassword(password, wanted))) throw wrongPassword;
  client.authenticated = true;
}

function auth(client: Client, args: string[]): void {
  if (args.length > 3) throw syntaxError;
  if (args.length === 2 && client.server.config.password === null) {
    throw new CommandError(
      'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
    );
  }
  authenticate(client, args.length === 3 ? args[1]! : 'default', args.at(-1)!);
  client.reply.ok();
}

const badVersion = new CommandError('NOPROTO unsupported protocol version');

function hello(client: Client, args: string[]): void {
  let version: ProtocolVersion = client.protocol;
  if (args.length > 1) {
    const given = toInteger(
      args[1]!,
      new CommandError('ERR Protocol version is not an integer or out of range'),
    );
    if (given !== 2 && given !== 3) throw badVersion;
    version = given;
  }
  let name: string | null = null;
  let login: [string, string] | null = null;
  for (let i = 2; i < args.length; i++) {
    const option = args[i]!.toUpperCase();
    if (option === 'AUTH' && i + 2 < args.length) {
      login = [args[i + 1]!, args[i + 2]!];
      i += 2;
    } else if (option === 'SETNAME' && i + 1 < args.length) {
      name = argument(args, ++i);
    } else {
      throw new CommandError(`ERR Syntax error in HELLO option '${args[i]}'`);
    }
  }
  if (login !== null) authenticate(client, ...login);
  if (!client.authenticated) {
    throw new CommandError(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
  }
  if (name !== null) setName(client, name);
  client.setProtocol(version);
  introduce(client, version);
}

function introduce({ id, reply }: Client, version: ProtocolVersion): void {
  reply.map(7);
  for (const [key, value] of [
    ['server', 'redis'],
    ['version', VERSION],
    ['proto', version],
    ['id', id],
    ['mode', 'standalone'],
    ['role', 'master'],
  ] as const) {
    reply.bulk(key);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulk(value);
  }
  reply.bulk('modules');
  reply.array(0);
}

function reset(client: Client): void {
  const { server } = client;
  endTransaction(client);
  server.pubsub.forget(client);
  client.db = server.databases[0]!;
  client.name = '';
  client.setProtocol(2);
  client.authenticated = server.config.password === null;
  client.reply.simple('RESET');
}

function quit(client: Client): void {
  client.closing = true;
  client.reply.ok();
}

export const connectionCommands: readonly Command[] = [
  command('ping', -1, ping, { whileSubscribed: true }),
  command('echo', 2, ({ reply }, args) => reply.bulk(args[1]!)),
  command('auth', -2, auth, { withoutPassword: true }),
  command('hello', -1, hello, { withoutPassword: true }),
  command('reset', 1, reset, { withoutPassword: true, whileSubscribed: true, neverQueued: true }),
  command('quit', -1, quit, { withoutPassword: true, whileSubscribed: true, neverQueued: true }),
  command('client', -2, () => {}, { subcommands: clientSubcommands }),
  // What a browser sends when a web page makes it talk to us.
  ...['post', 'host:'].map((name) =>
    command(
      name,
      -1,
      (client) => {
        client.closing = true;
      },
      { withoutPassword: true, whileSubscribed: true, neverQueued: true },
    ),
  ),
];
