import type { Client } from '../client.ts';

export type Handler = (client: Client, args: string[]) => void;

/** Where a command has its keys: the first, the last (negative: from the end) and the distance between two. */
export type KeyPositions = readonly [first: number, last: number, step: number];

export const noKeys: KeyPositions = [0, 0, 0];
export const oneKey: KeyPositions = [1, 1, 1];
export const allKeys: KeyPositions = [1, -1, 1];

export interface CommandOptions {
  /** It changes keys: it is watched, logged, and refused when the log has failed. */
  readonly write?: boolean;
  readonly keys?: KeyPositions;
  /** It runs at once where others are queued for EXEC. */
  readonly neverQueued?: boolean;
  /** A client of RESP2 may send it while it listens to channels. */
  readonly whileSubscribed?: boolean;
  /** It needs no password. */
  readonly withoutPassword?: boolean;
  readonly blocking?: boolean;
  readonly subcommands?: Readonly<Record<string, Command>>;
}

export interface Command extends Required<Omit<CommandOptions, 'subcommands'>> {
  /** In small letters; of a subcommand `client|id`. */
  readonly name: string;
  /** How many words it has, its name included; negative: at least so many. */
  readonly arity: number;
  readonly run: Handler;
  readonly subcommands: Readonly<Record<string, Command>> | null;
}

export function command(name: string, arity: number, run: Handler, options: CommandOptions = {}): Command {
  return {
    name,
    arity,
    run,
    write: options.write ?? false,
    keys: options.keys ?? noKeys,
    neverQueued: options.neverQueued ?? false,
    whileSubscribed: options.whileSubscribed ?? false,
    withoutPassword: options.withoutPassword ?? false,
    blocking: options.blocking ?? false,
    subcommands: options.subcommands ?? null,
  };
}

export function hasArity({ arity }: Command, words: number): boolean {
  return arity >= 0 ? words === arity : words >= -arity;
}

/** A command that reads one key. */
export function reads(name: string, arity: number, run: Handler, keys: KeyPositions = oneKey): Command {
  return command(name, arity, run, { keys });
}

/** A command that writes one key. */
export function writes(name: string, arity: number, run: Handler, keys: KeyPositions = oneKey): Command {
  return command(name, arity, run, { keys, write: true });
}
