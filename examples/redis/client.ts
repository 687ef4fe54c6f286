import type { Waiting } from './blocking.ts';
import type { Command } from './commands/command.ts';
import type { Keyspace } from './data/keyspace.ts';
import type { ProtocolVersion, ReplyWriter } from './protocol/reply-writer.ts';
import { Parsed, RequestParser } from './protocol/request-parser.ts';
import type { Server } from './server.ts';
import type { Transaction, Watched } from './transactions.ts';
import type { Transport } from './transport.ts';

/** Replies beyond this are sent before the next command runs, and it waits if the client does not read them. */
const HIGH_WATER = 64 * 1024;

let lastId = 0;

/** One connection. Its transport calls `receive` with what came, and `ended` when nothing more will. */
export class Client {
  readonly id = ++lastId;
  readonly server: Server;
  readonly transport: Transport;
  /** Where the command that runs puts its reply. */
  readonly reply: ReplyWriter;
  readonly connectedAt: number;
  readonly #parser: RequestParser<Command>;
  db: Keyspace;
  name = '';
  protocol: ProtocolVersion = 2;
  lastCommand = 'NULL';
  lastUsed: number;
  /** The commands between MULTI and EXEC. */
  transaction: Transaction | null = null;
  readonly watched: Watched[] = [];
  /** A watched key has changed: EXEC will do nothing. */
  tainted = false;
  /** EXEC runs its commands: none of them may wait. */
  executing = false;
  /** What it listens to; most never listen to anything. */
  channels: Set<string> | null = null;
  patterns: Set<string> | null = null;
  /** What a BLPOP waits for. */
  waiting: Waiting | null = null;
  /** No command is read any more; the connection ends when the replies are out. */
  closing = false;
  gone = false;
  #authenticated: boolean;
  /** What is logged in place of the command that runs. */
  logged: string[][] | null = null;
  /** Sends that have to wait for the log, in their order. */
  #held: Promise<void> | null = null;

  constructor(server: Server, transport: Transport) {
    this.server = server;
    this.transport = transport;
    this.reply = server.reply;
    this.#parser = new RequestParser(server.commands);
    this.db = server.databases[0]!;
    this.connectedAt = server.readClock();
    this.lastUsed = this.connectedAt;
    this.#authenticated = server.config.password === null;
    this.#parser.trusted = this.#authenticated;
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  set authenticated(value: boolean) {
    this.#authenticated = value;
    this.#parser.trusted = value;
  }

  /** To how many channels and patterns it listens. */
  get subscriptions(): number {
    return (this.channels?.size ?? 0) + (this.patterns?.size ?? 0);
  }

  get subscribed(): boolean {
    return this.subscriptions > 0;
  }

  /** Bytes of requests that are not whole. */
  get keptBytes(): number {
    return this.#parser.kept;
  }

  setProtocol(version: ProtocolVersion): void {
    this.protocol = version;
    this.reply.protocol = version;
  }

  /**
   * Runs the commands in `bytes`, which are the caller's again when it returns. Undefined: all that were whole have
   * run. A promise: more may be received when it settles; it never rejects.
   */
  receive(bytes: Uint8Array): Promise<void> | undefined {
    this.#parser.feed(bytes);
    const wait = this.#run();
    return wait === undefined ? undefined : this.#runRest(wait);
  }

  async #runRest(first: Promise<void>): Promise<void> {
    for (let wait: Promise<void> | undefined = first; wait !== undefined; ) {
      const rest = this.#parser.keep();
      await wait;
      if (rest === null || this.gone || this.closing) return;
      this.#parser.feed(rest);
      wait = this.#run();
    }
  }

  /** Runs commands until there are no more (undefined), or something has to be waited for. */
  #run(): Promise<void> | undefined {
    const { server, reply } = this;
    const parser = this.#parser;
    this.lastUsed = server.readClock();
    // Somebody else's, if a defect has ended that one's turn early: nobody may read it.
    reply.truncate(0);
    for (;;) {
      reply.protocol = this.protocol;
      let more = true;
      while (reply.length < HIGH_WATER && more) {
        const status = parser.next();
        if (status === Parsed.command) {
          server.execute(this, parser.command, parser.args);
          more = this.waiting === null && !this.closing;
        } else {
          if (status === Parsed.failed) {
            reply.error(`ERR ${parser.error}`);
            this.closing = true;
          }
          more = false;
        }
      }
      const sent = this.sendReplies();
      if (this.closing) {
        this.#close(sent);
        return sent;
      }
      if (this.waiting !== null) return Promise.all([sent, this.waiting.done]).then(() => {});
      if (sent !== undefined || !more) return sent;
    }
  }

  #close(sent: Promise<void> | undefined): void {
    if (sent === undefined) this.transport.close('gracefully');
    else sent.then(() => this.transport.close('gracefully'));
  }

  /** Sends what stands in the shared writer from `start` on, and removes it from there. */
  sendReplies(start = 0): Promise<void> | undefined {
    const { server, reply } = this;
    const logged = server.log === null ? undefined : server.log.flush();
    if (reply.length === start) return logged;
    if (logged === undefined && this.#held === null) {
      const sent = this.gone ? undefined : this.transport.send(reply.bytes(start));
      reply.truncate(start);
      return sent;
    }
    const copy = reply.bytes(start).slice();
    reply.truncate(start);
    return this.#sendLater(copy, logged);
  }

  #sendLater(bytes: Uint8Array, logged: Promise<void> | undefined): Promise<void> {
    const send = async (): Promise<void> => {
      if (!this.gone) await this.transport.send(bytes);
    };
    // What is not in the log may not be told: the connection ends without a word.
    const refuse = (): void => this.end();
    const held = Promise.all([this.#held, logged]).then(send, refuse);
    this.#held = held;
    return held.then(() => {
      if (this.#held === held) this.#held = null;
    });
  }

  /**
   * Writes to this client while a command of another one, or none, runs: `write` puts its bytes into the shared writer.
   * A client that does not read what it subscribed to is let go.
   */
  push(write: (reply: ReplyWriter) => void) {
    const { server, reply } = this;
    if (this.gone) return;
    if (server.current === this) return write(reply);
    const { length, protocol } = reply;
    reply.protocol = this.protocol;
    write(reply);
    reply.protocol = protocol;
    void this.sendReplies(length);
    if (this.transport.queued > server.config.outputLimit) {
      server.stats.droppedClients++;
      this.end();
    }
  }

  /** Ends the connection now. */
  end(): void {
    this.closing = true;
    this.ended();
    this.transport.close('now');
  }

  /** The connection has ended: nothing is left of it in the server. */
  ended(): void {
    if (this.gone) return;
    this.gone = true;
    this.server.forget(this);
  }
}
