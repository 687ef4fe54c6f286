import type { Client } from '../client.ts';
import { globMatches } from '../data/glob.ts';
import { type Command, command } from './command.ts';

/** What a change of subscriptions is answered with, once for each name. */
function announce({ reply, subscriptions }: Client, kind: string, name: string | null): void {
  reply.push(3);
  reply.bulk(kind);
  reply.bulkOrNull(name);
  reply.integer(subscriptions);
}

function subscribe(client: Client, args: string[]): void {
  for (const channel of args.slice(1)) {
    client.server.pubsub.subscribe(client, channel);
    announce(client, 'subscribe', channel);
  }
}

function psubscribe(client: Client, args: string[]): void {
  for (const pattern of args.slice(1)) {
    client.server.pubsub.subscribePattern(client, pattern);
    announce(client, 'psubscribe', pattern);
  }
}

/** All that it listens to, when none are named. */
function leaving(kind: 'unsubscribe' | 'punsubscribe') {
  return (client: Client, args: string[]): void => {
    const { pubsub } = client.server;
    const all = kind === 'unsubscribe' ? client.channels : client.patterns;
    const names = args.length > 1 ? args.slice(1) : [...(all ?? [])];
    if (names.length === 0) announce(client, kind, null);
    for (const name of names) {
      if (kind === 'unsubscribe') pubsub.unsubscribe(client, name);
      else pubsub.unsubscribePattern(client, name);
      announce(client, kind, name);
    }
  };
}

function channels({ reply, server }: Client, args: string[]): void {
  const all = [...server.pubsub.channels.keys()];
  const pattern = args[2];
  reply.bulks(pattern === undefined ? all : all.filter((channel) => globMatches(pattern, channel)));
}

function numsub({ reply, server }: Client, args: string[]): void {
  reply.array((args.length - 2) * 2);
  for (const channel of args.slice(2)) {
    reply.bulk(channel);
    reply.integer(server.pubsub.channels.get(channel)?.size ?? 0);
  }
}

const always = { whileSubscribed: true } as const;

export const pubsubCommands: readonly Command[] = [
  command('subscribe', -2, subscribe, always),
  command('psubscribe', -2, psubscribe, always),
  command('unsubscribe', -1, leaving('unsubscribe'), always),
  command('punsubscribe', -1, leaving('punsubscribe'), always),
  command('publish', 3, ({ reply, server }, args) =>
    reply.integer(server.pubsub.publish(args[1]!, args[2]!)),
  ),
  command('pubsub', -2, () => {}, {
    subcommands: {
      channels: command('pubsub|channels', -2, channels),
      numsub: command('pubsub|numsub', -2, numsub),
      numpat: command('pubsub|numpat', 2, ({ reply, server }) => reply.integer(server.pubsub.patterns.size)),
    },
  }),
];
