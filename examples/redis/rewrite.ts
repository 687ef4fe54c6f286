import { dirname } from 'node:path';
import { type File, open, remove, rename, syncDirectory } from 'gopark/os';
import type { KeyEntry, Keyspace } from './data/keyspace.ts';
import { ReplyWriter } from './protocol/reply-writer.ts';
import type { Server } from './server.ts';

/** Elements in one command, and bytes that are written at once. */
const ELEMENTS = 64;
const BATCH = 256 * 1024;

/** The commands that make a key. */
function* commandsFor(entry: KeyEntry): Generator<string[]> {
  const { key, value, expiresAt } = entry;
  if (typeof value === 'string') {
    yield ['set', key, value];
  } else {
    const names = { list: 'rpush', hash: 'hset', set: 'sadd', zset: 'zadd' } as const;
    let command: string[] = [names[value.kind], key];
    for (const words of elementsOf(value)) {
      command.push(...words);
      if (command.length < ELEMENTS) continue;
      yield command;
      command = [names[value.kind], key];
    }
    if (command.length > 2) yield command;
  }
  if (expiresAt !== 0) yield ['pexpireat', key, String(expiresAt)];
}

function* elementsOf(value: Exclude<KeyEntry['value'], string>): Generator<string[]> {
  switch (value.kind) {
    case 'list':
      for (let i = 0; i < value.length; i++) yield [value.at(i)];
      break;
    case 'hash':
      for (const field of value.fields.all()) yield [field.key, field.value];
      break;
    case 'set':
      for (const member of value.keys()) yield [member];
      break;
    case 'zset':
      for (const { key, score } of value.scores.all()) yield [String(score).replace('Infinity', 'inf'), key];
      break;
  }
}

async function writeDatabase(file: File, db: Keyspace): Promise<void> {
  const out = new ReplyWriter();
  out.bulks(['select', String(db.index)]);
  for (const entry of db.keys.all()) {
    if (db.isOver(entry)) continue;
    for (const command of commandsFor(entry)) out.bulks(command);
    if (out.length < BATCH) continue;
    await file.write(out.bytes());
    out.truncate(0);
  }
  await file.write(out.bytes());
}

/**
 * Writes what the server holds as a new log in place of the old one: as short as it can be. Nothing may change
 * meanwhile. Whenever the machine stops, one of the two is there, whole.
 */
export async function rewriteLog(server: Server, path: string): Promise<void> {
  const fresh = `${path}.rewrite`;
  const file = await open(fresh, 'w', 0o600);
  try {
    try {
      for (const db of server.databases) if (db.size > 0) await writeDatabase(file, db);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await remove(fresh).catch(() => {
      // It says less than the error that led here.
    });
    throw error;
  }
  await syncDirectory(dirname(path));
}
