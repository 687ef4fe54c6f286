import type { Client } from '../client.ts';
import { Hash } from '../data/hash.ts';
import { List } from '../data/list.ts';
import { Members } from '../data/members.ts';
import { SortedSet } from '../data/sorted-set.ts';

/** The list of a key for a write: a new one if there is none. */
export function listFor({ db }: Client, key: string): List {
  return db.getKind(key, 'list') ?? added(new List(), (list) => db.put(key, list));
}

export function hashFor({ db }: Client, key: string): Hash {
  return db.getKind(key, 'hash') ?? added(new Hash(), (hash) => db.put(key, hash));
}

export function setFor({ db }: Client, key: string): Members {
  return db.getKind(key, 'set') ?? added(new Members(), (set) => db.put(key, set));
}

export function sortedSetFor({ db }: Client, key: string): SortedSet {
  return db.getKind(key, 'zset') ?? added(new SortedSet(), (set) => db.put(key, set));
}

function added<T>(value: T, put: (value: T) => void): T {
  put(value);
  return value;
}

/** A value has been written to `changes` times; a key without elements is none. */
export function written(client: Client, key: string, value: { length: number }, changes = 1): void {
  const { db, server } = client;
  if (value.length === 0) db.delete(key);
  if (changes === 0) return;
  db.changed(key);
  server.dirty += changes;
}
