import { type File, open } from 'gopark/os';
import { AppendLog } from './append-log.ts';
import { Client } from './client.ts';
import { type Command, hasArity } from './commands/command.ts';
import { Parsed, RequestParser } from './protocol/request-parser.ts';
import { rewriteLog } from './rewrite.ts';
import type { Server } from './server.ts';
import type { Transport } from './transport.ts';

const CHUNK = 256 * 1024;
const ERROR = 45;
/** What a log has beside commands that write. */
const OTHERS = new Set(['select', 'multi', 'exec']);

/** Nobody is at the other end. */
const nowhere: Transport = {
  send: () => undefined,
  queued: 0,
  close: () => {},
  localAddress: '',
  remoteAddress: '',
};

/** The log is not what this server has written. */
export class LogError extends Error {
  override name = 'LogError';
}

/** What was read. */
export interface Replayed {
  readonly commands: number;
  /** Bytes of the log. */
  readonly size: number;
  /** It was much longer than needed, and was written anew. */
  readonly rewritten: boolean;
  /** Bytes of an unfinished command or transaction at the end, which were cut off. */
  readonly cut: number;
}

/** A log of so many bytes is written anew at the start... */
const LARGE = 1 << 20;
/** ... if it has so many commands for each key. */
const REPETITIVE = 4;

/**
 * Runs the log of a server that has no clients yet, cuts off what a crash has left at its end, and from then on the
 * server writes to it.
 *
 * @throws LogError when there is something else than commands in the middle: then nothing was changed in the file.
 */
export async function openLog(server: Server, path: string): Promise<Replayed> {
  const replayed = await replayFile(server, path);
  const { commands, size } = replayed;
  const keys = server.databases.reduce((sum, db) => sum + db.size, 0);
  const rewritten = size > LARGE && commands > REPETITIVE * Math.max(keys, 1);
  server.readClock();
  if (rewritten) await rewriteLog(server, path);
  server.log = new AppendLog(await open(path, 'a', 0o600), server.config.appendSync);
  return { ...replayed, rewritten };
}

async function replayFile(server: Server, path: string): Promise<Omit<Replayed, 'rewritten'>> {
  const file = await open(path, 'a+', 0o600);
  try {
    // The log says itself which keys have ended.
    server.expires = false;
    const { end, commands } = await replay(server, file, path);
    const { size } = await file.stat();
    if (end < size) await file.truncate(end);
    return { commands, size: end, cut: size - end };
  } finally {
    server.expires = true;
    await file.close();
  }
}

async function replay(server: Server, file: File, path: string): Promise<{ end: number; commands: number }> {
  const parser = new RequestParser<Command>(server.commands);
  const runner = new Runner(new Client(server, nowhere));
  const chunk = new Uint8Array(CHUNK);
  for (let at = 0; ; ) {
    const n = await file.readAt(chunk, at);
    if (n === null) return { end: runner.end, commands: runner.commands };
    at += n;
    parser.feed(chunk.subarray(0, n));
    for (let status = parser.next(); status !== Parsed.more; status = parser.next()) {
      const problem =
        status === Parsed.failed ? parser.error : runner.run(parser.command, parser.args, parser.commandEnd);
      if (problem !== null) throw new LogError(`${path}: behind byte ${runner.end}: ${problem}`);
    }
  }
}

/** Runs the commands of a log, those of a transaction when it is whole. */
class Runner {
  readonly #client: Client;
  #transaction: [Command, string[]][] | null = null;
  /** Where the last whole command or transaction ends. */
  end = 0;
  commands = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Null, or what is wrong with it. */
  run(command: Command | null, args: string[], end: number): string | null {
    if (command === null) return `no command: ${JSON.stringify(args[0]!.slice(0, 40))}`;
    if (!hasArity(command, args.length)) return `${command.name} with ${args.length - 1} arguments`;
    if (!command.write && !OTHERS.has(command.name)) return `${command.name} changes nothing`;
    this.commands++;
    if (command.name === 'multi') {
      this.#transaction = [];
      return null;
    }
    if (command.name === 'exec') {
      for (const [one, words] of this.#transaction ?? []) {
        const problem = this.#perform(one, words);
        if (problem !== null) return problem;
      }
      this.#transaction = null;
      this.end = end;
      return null;
    }
    if (this.#transaction !== null) {
      this.#transaction.push([command, args]);
      return null;
    }
    this.end = end;
    return this.#perform(command, args);
  }

  #perform(command: Command, args: string[]): string | null {
    const { server, reply } = this.#client;
    server.perform(this.#client, command, args);
    const answer = reply.bytes();
    const problem =
      answer[0] === ERROR ? `${args[0]}: ${Buffer.from(answer).toString('latin1').trim()}` : null;
    reply.truncate(0);
    return problem;
  }
}
