import { wrongType } from '../errors.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import { type Indexed, IndexedMap } from './indexed-map.ts';
import type { Kind, Value } from './value.ts';

export interface KeyEntry extends Indexed {
  value: Value;
  /** Milliseconds since 1970; 0: never. */
  expiresAt: number;
}

/** What a keyspace tells its server. */
export interface KeyspaceOwner {
  /** Milliseconds since 1970, the same for all of one command. */
  readonly now: number;
  /** False while the log is replayed: it says itself which keys have expired. */
  readonly expires: boolean;
  keyExpired(keyspace: Keyspace, key: string): void;
  /** Somebody watches keys of this keyspace, and this one was written to. */
  keyChanged(keyspace: Keyspace, key: string): void;
  /** A key has a time to end. */
  keyWillExpire(when: number): void;
}

/** The keys of one database. */
export class Keyspace {
  readonly index: number;
  readonly #owner: KeyspaceOwner;
  #keys = new IndexedMap<KeyEntry>();
  readonly #expiries = new ExpiryQueue();
  /** How many keys have a time to end. */
  volatileKeys = 0;
  /** Whether a change has to be told. */
  observed = false;

  constructor(index: number, owner: KeyspaceOwner) {
    this.index = index;
    this.#owner = owner;
  }

  get size(): number {
    return this.#keys.size;
  }

  get keys(): IndexedMap<KeyEntry> {
    return this.#keys;
  }

  /** The key, unless its time is over: then it is deleted now. */
  find(key: string): KeyEntry | undefined {
    const entry = this.#keys.get(key);
    if (entry !== undefined && entry.expiresAt !== 0 && this.isOver(entry)) {
      this.#expire(entry);
      return undefined;
    }
    return entry;
  }

  isOver(entry: KeyEntry): boolean {
    return entry.expiresAt !== 0 && entry.expiresAt <= this.#owner.now && this.#owner.expires;
  }

  get(key: string): Value | undefined {
    return this.find(key)?.value;
  }

  /** The value of a key that holds a string, or nothing. */
  getString(key: string): string | undefined {
    const value = this.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw wrongType;
  }

  /** The value of a key that holds one of this kind, or nothing. */
  getKind<K extends Exclude<Kind, 'string'>>(key: string, kind: K): Extract<Value, { kind: K }> | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' || value.kind !== kind) throw wrongType;
    return value as Extract<Value, { kind: K }>;
  }

  /** Puts a value, whatever was there; the key will not expire. */
  put(key: string, value: Value): void {
    const entry = this.find(key);
    if (entry === undefined) {
      this.#keys.add({ key, value, expiresAt: 0, index: 0 });
    } else {
      entry.value = value;
      if (entry.expiresAt !== 0) this.persist(entry);
    }
  }

  /** Puts a value and leaves the time to end as it is. */
  update(key: string, value: Value): void {
    const entry = this.find(key);
    if (entry === undefined) this.#keys.add({ key, value, expiresAt: 0, index: 0 });
    else entry.value = value;
  }

  delete(key: string): boolean {
    const entry = this.find(key);
    if (entry === undefined) return false;
    this.#remove(entry);
    return true;
  }

  #remove(entry: KeyEntry): void {
    if (entry.expiresAt !== 0) this.volatileKeys--;
    this.#keys.delete(entry);
    entry.index = -1;
  }

  #expire(entry: KeyEntry): void {
    this.#remove(entry);
    this.#owner.keyExpired(this, entry.key);
  }

  /** `when` in milliseconds since 1970. */
  expireAt(entry: KeyEntry, when: number): void {
    if (entry.expiresAt === 0) this.volatileKeys++;
    // 0 is taken; what is over is over.
    entry.expiresAt = Math.max(1, when);
    this.#expiries.add(entry, this.volatileKeys);
    this.#owner.keyWillExpire(entry.expiresAt);
  }

  persist(entry: KeyEntry): boolean {
    if (entry.expiresAt === 0) return false;
    entry.expiresAt = 0;
    this.volatileKeys--;
    return true;
  }

  /** Says that a key was written to. */
  changed(key: string): void {
    if (this.observed) this.#owner.keyChanged(this, key);
  }

  /** Deletes up to `most` keys whose time is over; gives when the next one's will be. */
  expireSome(most: number): number | undefined {
    for (let i = 0; i < most; i++) {
      const entry = this.#expiries.take(this.#owner.now);
      if (entry === undefined) break;
      this.#expire(entry);
    }
    return this.#expiries.next();
  }

  /** A key that is there, chosen at random. */
  randomKey(): string | undefined {
    while (this.#keys.size > 0) {
      const entry = this.#keys.random();
      if (!this.isOver(entry)) return entry.key;
      this.#expire(entry);
    }
    return undefined;
  }

  clear(): void {
    for (const entry of this.volatileKeys > 0 ? this.#keys.all() : []) entry.index = -1;
    this.#keys = new IndexedMap();
    this.#expiries.clear();
    this.volatileKeys = 0;
  }

  /** Exchanges the keys of two databases. */
  swap(other: Keyspace): void {
    const mine = { keys: this.#keys, volatileKeys: this.volatileKeys };
    this.#take(other.#keys, other.volatileKeys);
    other.#take(mine.keys, mine.volatileKeys);
  }

  #take(keys: IndexedMap<KeyEntry>, volatileKeys: number): void {
    this.#keys = keys;
    this.volatileKeys = volatileKeys;
    this.#expiries.clear();
    if (volatileKeys === 0) return;
    for (const entry of keys.all()) {
      if (entry.expiresAt === 0) continue;
      this.#expiries.add(entry, volatileKeys);
      this.#owner.keyWillExpire(entry.expiresAt);
    }
  }
}
