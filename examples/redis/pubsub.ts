import type { Client } from './client.ts';
import { globMatches } from './data/glob.ts';

/** Channels, patterns, and who listens to them. */
export class PubSub {
  readonly channels = new Map<string, Set<Client>>();
  readonly patterns = new Map<string, Set<Client>>();

  subscribe(client: Client, channel: string): void {
    add(this.channels, channel, client);
    client.channels ??= new Set();
    client.channels.add(channel);
  }

  unsubscribe(client: Client, channel: string): void {
    if (client.channels?.delete(channel)) remove(this.channels, channel, client);
  }

  subscribePattern(client: Client, pattern: string): void {
    add(this.patterns, pattern, client);
    client.patterns ??= new Set();
    client.patterns.add(pattern);
  }

  unsubscribePattern(client: Client, pattern: string): void {
    if (client.patterns?.delete(pattern)) remove(this.patterns, pattern, client);
  }

  forget(client: Client): void {
    for (const channel of client.channels ?? []) remove(this.channels, channel, client);
    for (const pattern of client.patterns ?? []) remove(this.patterns, pattern, client);
    client.channels = null;
    client.patterns = null;
  }

  /** How many got it. */
  publish(channel: string, message: string): number {
    let receivers = 0;
    // A receiver that is too slow is removed meanwhile.
    for (const client of [...(this.channels.get(channel) ?? [])]) {
      client.push((reply) => {
        reply.push(3);
        reply.bulk('message');
        reply.bulk(channel);
        reply.bulk(message);
      });
      receivers++;
    }
    for (const [pattern, clients] of this.patterns) {
      if (!globMatches(pattern, channel)) continue;
      for (const client of [...clients]) {
        client.push((reply) => {
          reply.push(4);
          reply.bulk('pmessage');
          reply.bulk(pattern);
          reply.bulk(channel);
          reply.bulk(message);
        });
        receivers++;
      }
    }
    return receivers;
  }
}

function add(map: Map<string, Set<Client>>, name: string, client: Client): void {
  const clients = map.get(name);
  if (clients === undefined) map.set(name, new Set([client]));
  else clients.add(client);
}

function remove(map: Map<string, Set<Client>>, name: string, client: Client): void {
  const clients = map.get(name);
  clients?.delete(client);
  if (clients?.size === 0) map.delete(name);
}
