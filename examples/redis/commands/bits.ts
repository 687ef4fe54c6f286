import type { Client } from '../client.ts';
import { CommandError, syntaxError } from '../errors.ts';
import { limits } from '../protocol/limits.ts';
import { span, toInteger } from './arguments.ts';
import { type Command, reads, writes } from './command.ts';

const badOffset = new CommandError('ERR bit offset is not an integer or out of range');
const badBit = new CommandError('ERR bit is not an integer or out of range');

function toOffset(text: string): number {
  const offset = toInteger(text, badOffset);
  if (offset < 0 || offset >= limits.bulk * 8) throw badOffset;
  return offset;
}

/** Bit 0 is the highest of the first byte. */
function bitAt(value: string, offset: number): number {
  const byte = Math.floor(offset / 8);
  return byte < value.length ? (value.charCodeAt(byte) >> (7 - (offset & 7))) & 1 : 0;
}

function getbit({ db, reply }: Client, args: string[]): void {
  const offset = toOffset(args[2]!);
  reply.integer(bitAt(db.getString(args[1]!) ?? '', offset));
}

function setbit(client: Client, args: string[]): void {
  const { db, reply, server } = client;
  const offset = toOffset(args[2]!);
  const bit = toInteger(args[3]!, badBit);
  if (bit !== 0 && bit !== 1) throw badBit;
  const old = db.getString(args[1]!) ?? '';
  const at = Math.floor(offset / 8);
  const mask = 1 << (7 - (offset & 7));
  const byte = at < old.length ? old.charCodeAt(at) : 0;
  const changed = String.fromCharCode(bit === 1 ? byte | mask : byte & ~mask);
  db.update(args[1]!, old.slice(0, at).padEnd(at, '\0') + changed + old.slice(at + 1));
  db.changed(args[1]!);
  server.dirty++;
  reply.integer(bitAt(old, offset));
}

const onesOf = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

function bitcount({ db, reply }: Client, args: string[]) {
  const value = db.getString(args[1]!);
  // What follows is not looked at then.
  if (value === undefined) return reply.integer(0);
  const isRange = args.length === 4 || args.length === 5;
  if (!isRange && args.length !== 2) throw syntaxError;
  const start = isRange ? toInteger(args[2]!) : 0;
  const stop = isRange ? toInteger(args[3]!) : -1;
  if (start < 0 && stop < 0 && start > stop) return reply.integer(0);
  const unit = args[4]?.toUpperCase() ?? 'BYTE';
  if (unit !== 'BYTE' && unit !== 'BIT') throw syntaxError;
  const size = unit === 'BIT' ? value.length * 8 : value.length;
  const range = span(start, Math.max(stop, -size), size);
  if (range === null) return reply.integer(0);
  let ones = 0;
  if (unit === 'BYTE') {
    for (let i = range.from; i <= range.to; i++) ones += onesOf[value.charCodeAt(i)]!;
  } else {
    for (let i = range.from; i <= range.to; i++) ones += bitAt(value, i);
  }
  reply.integer(ones);
}

export const bitCommands: readonly Command[] = [
  reads('getbit', 3, getbit),
  writes('setbit', 4, setbit),
  reads('bitcount', -2, bitcount),
];
