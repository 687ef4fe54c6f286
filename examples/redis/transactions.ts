import type { Client } from './client.ts';
import type { Command } from './commands/command.ts';
import type { Keyspace } from './data/keyspace.ts';
import { limits } from './protocol/limits.ts';

export interface Queued {
  readonly command: Command;
  readonly args: string[];
}

export interface Transaction {
  readonly queue: Queued[];
  /** Bytes of all arguments. */
  bytes: number;
  /** A command could not be queued: EXEC refuses them all. */
  broken: boolean;
}

/** False: more than one client may make the server keep. */
export function enqueue(transaction: Transaction, command: Command, args: string[]): boolean {
  const bytes = args.reduce((sum, arg) => sum + arg.length, transaction.bytes);
  if (bytes > limits.request || transaction.queue.length >= limits.arguments) return false;
  transaction.bytes = bytes;
  transaction.queue.push({ command, args });
  return true;
}

export interface Watched {
  readonly db: Keyspace;
  readonly key: string;
}

/** Who watches which key. */
export class Watches {
  readonly #watchers = new Map<Keyspace, Map<string, Set<Client>>>();

  add(client: Client, key: string): void {
    const { db } = client;
    let keys = this.#watchers.get(db);
    if (keys === undefined) {
      keys = new Map();
      this.#watchers.set(db, keys);
    }
    let clients = keys.get(key);
    if (clients === undefined) {
      clients = new Set();
      keys.set(key, clients);
    } else if (clients.has(client)) {
      return;
    }
    clients.add(client);
    client.watched.push({ db, key });
    db.observed = true;
  }

  /** The client watches nothing any more, and what it has watched is forgotten. */
  clear(client: Client): void {
    for (const { db, key } of client.watched) {
      const keys = this.#watchers.get(db)!;
      const clients = keys.get(key)!;
      clients.delete(client);
      if (clients.size > 0) continue;
      keys.delete(key);
      if (keys.size > 0) continue;
      this.#watchers.delete(db);
      db.observed = false;
    }
    client.watched.length = 0;
    client.tainted = false;
  }

  changed(db: Keyspace, key: string): void {
    for (const client of this.#watchers.get(db)?.get(key) ?? []) client.tainted = true;
  }

  /** All keys of a database went or came: whoever watches one that is there before or after is tainted. */
  replaced(db: Keyspace, isThere: (key: string) => boolean): void {
    for (const [key, clients] of this.#watchers.get(db) ?? []) {
      if (isThere(key)) for (const client of clients) client.tainted = true;
    }
  }
}
