import { after, type Timer } from 'gopark';
import type { Client } from './client.ts';
import type { Keyspace } from './data/keyspace.ts';

/** One client that waits for keys to have something for it. */
export interface Waiting {
  readonly db: Keyspace;
  readonly keys: readonly string[];
  /** A key that holds something else is not looked at. */
  readonly kind: 'list' | 'zset';
  /** Takes what it waits for from this key and writes the reply; false: it is not there. */
  readonly serve: (key: string) => boolean;
  /** Writes the reply of one who has waited in vain. */
  readonly giveUp: () => void;
  readonly done: Promise<void>;
  readonly settle: () => void;
  timer: Timer | null;
}

/** Clients that wait for keys, those of each key in the order in which they came. */
export class Blocked {
  readonly #byKey = new Map<Keyspace, Map<string, Set<Client>>>();
  /** Keys that got something since it was looked last. */
  #ready: { db: Keyspace; key: string }[] = [];
  size = 0;

  /** `ms`: how long, 0 for ever. */
  add(client: Client, wait: Pick<Waiting, 'keys' | 'kind' | 'serve' | 'giveUp'> & { ms: number }): void {
    const { db } = client;
    let settle!: () => void;
    const done = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const { keys, kind, serve, giveUp, ms } = wait;
    const waiting: Waiting = { db, keys, kind, serve, giveUp, done, settle, timer: null };
    if (ms > 0) waiting.timer = after(ms, () => this.#giveUp(client)).unref();
    client.waiting = waiting;
    this.size++;
    let clients = this.#byKey.get(db);
    if (clients === undefined) {
      clients = new Map();
      this.#byKey.set(db, clients);
    }
    for (const key of keys) {
      const queue = clients.get(key);
      if (queue === undefined) clients.set(key, new Set([client]));
      else queue.add(client);
    }
  }

  /** A key has got something. Whoever waits is served after the command. */
  keyReady(db: Keyspace, key: string): void {
    if (this.size > 0 && this.#byKey.get(db)?.has(key)) this.#ready.push({ db, key });
  }

  /** Any key of the database may have. */
  allReady(db: Keyspace): void {
    for (const key of this.#byKey.get(db)?.keys() ?? []) this.#ready.push({ db, key });
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Serves who waits for keys that are ready; that may make others ready. */
  serve(run: (client: Client, serve: () => boolean) => boolean): void {
    while (this.#ready.length > 0) {
      const ready = this.#ready;
      this.#ready = [];
      for (const { db, key } of ready) {
        for (const client of this.#byKey.get(db)?.get(key) ?? []) {
          const { waiting } = client;
          const value = db.get(key);
          if (value === undefined || typeof value === 'string') break;
          if (waiting === null || waiting.kind !== value.kind) continue;
          if (run(client, () => waiting.serve(key))) this.remove(client);
        }
      }
    }
  }

  #giveUp(client: Client): void {
    const { waiting } = client;
    if (waiting === null) return;
    client.push(waiting.giveUp);
    this.remove(client);
  }

  /** It waits no longer; its next command runs. */
  remove(client: Client): void {
    const { waiting } = client;
    if (waiting === null) return;
    client.waiting = null;
    this.size--;
    waiting.timer?.stop();
    const clients = this.#byKey.get(waiting.db)!;
    for (const key of waiting.keys) {
      const queue = clients.get(key);
      queue?.delete(client);
      if (queue?.size === 0) clients.delete(key);
    }
    if (clients.size === 0) this.#byKey.delete(waiting.db);
    waiting.settle();
  }

  /** Ends a wait from outside: CLIENT UNBLOCK. */
  interrupt(client: Client, how: 'timeout' | 'error'): boolean {
    if (client.waiting === null) return false;
    if (how === 'timeout') {
      this.#giveUp(client);
    } else {
      client.push((reply) => reply.error('UNBLOCKED client unblocked via CLIENT UNBLOCK'));
      this.remove(client);
    }
    return true;
  }
}
