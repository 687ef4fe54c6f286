import type { Names } from '../protocol/request-parser.ts';
import type { Command } from './command.ts';

const SLOTS = 2048;
const LONGEST = 32;
/** Small and capital letters differ in this bit. */
const CASE = 32;

/** Commands by the bytes of their names, in small or capital letters, without a string of what came. */
export class CommandNames implements Names<Command> {
  readonly #slots = new Array<Command | undefined>(SLOTS).fill(undefined);
  readonly all: readonly Command[];

  constructor(commands: readonly Command[]) {
    this.all = commands;
    for (const command of commands) {
      const name = Buffer.from(command.name);
      if (this.find(name, 0, name.length) !== null)
        throw new Error(`two commands of the name ${command.name}`);
      let slot = hash(name, 0, name.length);
      while (this.#slots[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1);
      this.#slots[slot] = command;
    }
  }

  find(bytes: Uint8Array, start: number, length: number): Command | null {
    if (length > LONGEST) return null;
    for (let slot = hash(bytes, start, length); ; slot = (slot + 1) & (SLOTS - 1)) {
      const command = this.#slots[slot];
      if (command === undefined) return null;
      if (isNamed(command.name, bytes, start, length)) return command;
    }
  }

  nameOf(command: Command): string {
    return command.name;
  }
}

function hash(bytes: Uint8Array, start: number, length: number): number {
  let value = length;
  for (let i = start; i < start + length; i++) value = (value * 31 + (bytes[i]! | CASE)) & 0xffffff;
  return (value ^ (value >> 11)) & (SLOTS - 1);
}

function isNamed(name: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== (bytes[start + i]! | CASE)) return false;
  return true;
}
