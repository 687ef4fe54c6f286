import type { Client } from '../client.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { toInteger } from './arguments.ts';
import { type Command, command } from './command.ts';

export function setName(client: Client, name: string): void {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 33 || code > 126) {
      throw new CommandError('ERR Client names cannot contain spaces, newlines or special characters.');
    }
  }
  client.name = name;
}

/** One line about a client, as CLIENT LIST has it. */
function describe(client: Client): string {
  const { server, transport } = client;
  const age = (since: number) => Math.floor((server.now - since) / 1000);
  const flags = [
    client.subscribed ? 'P' : '',
    client.transaction !== null ? 'x' : '',
    client.waiting !== null ? 'b' : '',
  ].join('');
  return [
    `id=${client.id}`,
    `addr=${transport.remoteAddress}`,
    `laddr=${transport.localAddress}`,
    `name=${client.name}`,
    `age=${age(client.connectedAt)}`,
    `idle=${age(client.lastUsed)}`,
    `flags=${flags || 'N'}`,
    `db=${client.db.index}`,
    `sub=${client.channels?.size ?? 0}`,
    `psub=${client.patterns?.size ?? 0}`,
    `multi=${client.transaction?.queue.length ?? -1}`,
    `qbuf=${client.keptBytes}`,
    `omem=${transport.queued}`,
    `cmd=${client.lastCommand}`,
    'user=default',
    `resp=${client.protocol}`,
  ].join(' ');
}

function list({ server, reply }: Client, args: string[]): void {
  let clients = [...server.clients.values()];
  if (args.length > 2) {
    if (args[2]!.toUpperCase() !== 'ID' || args.length < 4) throw syntaxError;
    const ids = new Set(
      args.slice(3).map((text) => toInteger(text, new CommandError('ERR Invalid client ID'))),
    );
    clients = clients.filter(({ id }) => ids.has(id));
  }
  reply.verbatim(clients.map((client) => `${describe(client)}\n`).join(''));
}

const noSuchClient = new CommandError('ERR No such client');

function kill(client: Client, args: string[]) {
  const { server, reply } = client;
  if (args.length === 3) {
    const victim = [...server.clients.values()].find(({ transport }) => transport.remoteAddress === args[2]);
    if (victim === undefined) throw noSuchClient;
    end(client, victim);
    return reply.ok();
  }
  if (args.length % 2 !== 0) throw syntaxError;
  let victims = [...server.clients.values()];
  let skipsMe = true;
  for (let i = 2; i < args.length; i += 2) {
    const value = args[i + 1]!;
    const filter = args[i]!.toUpperCase();
    if (filter === 'ID') {
      const wanted = toInteger(value, new CommandError('ERR client-id should be greater than 0'));
      victims = victims.filter(({ id }) => id === wanted);
    } else if (filter === 'ADDR') {
      victims = victims.filter(({ transport }) => transport.remoteAddress === value);
    } else if (filter === 'LADDR') {
      victims = victims.filter(({ transport }) => transport.localAddress === value);
    } else if (filter === 'SKIPME') {
      skipsMe = value.toLowerCase() !== 'no';
    } else {
      throw syntaxError;
    }
  }
  if (skipsMe) victims = victims.filter((victim) => victim !== client);
  for (const victim of victims) end(client, victim);
  reply.integer(victims.length);
}

/** Who ends its own connection gets its answer first. */
function end(client: Client, victim: Client): void {
  if (victim === client) client.closing = true;
  else victim.end();
}

function unblock(client: Client, args: string[]): void {
  const how = args[3]?.toUpperCase() ?? 'TIMEOUT';
  if (how !== 'TIMEOUT' && how !== 'ERROR') {
    throw new CommandError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
  }
  const { server, reply } = client;
  const victim = server.clients.get(toInteger(args[2]!));
  const way = how === 'TIMEOUT' ? 'timeout' : 'error';
  reply.flag(victim !== undefined && server.blocked.interrupt(victim, way));
}

export const clientSubcommands: Readonly<Record<string, Command>> = {
  id: command('client|id', 2, ({ id, reply }) => reply.integer(id)),
  getname: command('client|getname', 2, ({ name, reply }) => reply.bulkOrNull(name === '' ? null : name)),
  setname: command('client|setname', 3, (client, args) => {
    setName(client, args[2]!);
    client.reply.ok();
  }),
  // Libraries say who they are; a server of 7.2 would keep it.
  setinfo: command('client|setinfo', 4, ({ reply }) => reply.ok()),
  info: command('client|info', 2, (client) => client.reply.verbatim(`${describe(client)}\n`)),
  list: command('client|list', -2, list),
  kill: command('client|kill', -3, kill),
  unblock: command('client|unblock', -3, unblock),
};
