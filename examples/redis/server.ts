import { after, type Timer } from 'gopark';
import type { AppendLog } from './append-log.ts';
import { Blocked } from './blocking.ts';
import { Client } from './client.ts';
import { type Command, hasArity } from './commands/command.ts';
import type { CommandNames } from './commands/names.ts';
import { commandNames } from './commands/table.ts';
import { type Config, defaults } from './config.ts';
import { Keyspace, type KeyspaceOwner } from './data/keyspace.ts';
import { CommandError, wrongArity } from './errors.ts';
import { ReplyWriter } from './protocol/reply-writer.ts';
import { PubSub } from './pubsub.ts';
import { enqueue, Watches } from './transactions.ts';
import type { Transport } from './transport.ts';

/** Keys that are deleted in one go because their time is over, and how long until the rest. */
const EXPIRE_BATCH = 1000;
const EXPIRE_PAUSE = 5;
/** The wall clock may be set: it is looked at again at least so often. */
const EXPIRE_LOOK = 1000;

/** The keys, the clients, and what passes between them. It knows nothing of sockets. */
export class Server implements KeyspaceOwner {
  readonly config: Config;
  readonly commands: CommandNames = commandNames;
  readonly databases: Keyspace[];
  readonly clients = new Map<number, Client>();
  readonly reply = new ReplyWriter();
  readonly pubsub = new PubSub();
  readonly watches = new Watches();
  readonly blocked = new Blocked();
  readonly stats = { commands: 0, connections: 0, rejected: 0, expired: 0, droppedClients: 0 };
  readonly startedAt = Date.now();
  /** Everything is done for this client now. */
  current: Client | null = null;
  /** Counts changes. */
  dirty = 0;
  log: AppendLog | null = null;
  now = Date.now();
  expires = true;
  #alarm: Timer | null = null;
  #alarmAt = Number.POSITIVE_INFINITY;
  /** Ends the program. */
  shutdown: () => void = () => {};

  constructor(config: Partial<Config> = {}) {
    this.config = { ...defaults, ...config };
    this.databases = Array.from({ length: this.config.databases }, (_, i) => new Keyspace(i, this));
  }

  readClock(): number {
    this.now = Date.now();
    return this.now;
  }

  /** A new connection; null when there are too many: it has been told. */
  accept(transport: Transport): Client | null {
    this.stats.connections++;
    if (this.clients.size >= this.config.maxClients) {
      this.stats.rejected++;
      transport.send(Buffer.from('-ERR max number of clients reached\r\n'));
      transport.close('gracefully');
      return null;
    }
    const client = new Client(this, transport);
    this.clients.set(client.id, client);
    return client;
  }

  forget(client: Client) {
    this.clients.delete(client.id);
    this.blocked.remove(client);
    this.pubsub.forget(client);
    this.watches.clear(client);
  }

  // Commands

  execute(client: Client, command: Command | null, args: string[]) {
    this.stats.commands++;
    if (command === null) return this.#refuse(client, unknownCommand(args));
    if (!hasArity(command, args.length)) return this.#refuse(client, wrongArity(command.name).message);
    if (command.subcommands !== null && args.length > 1) {
      return this.#executeSubcommand(client, command.subcommands, args);
    }
    this.#executeKnown(client, command, args);
  }

  #executeSubcommand(client: Client, subcommands: Readonly<Record<string, Command>>, args: string[]) {
    const name = args[1]!.toLowerCase();
    if (!Object.hasOwn(subcommands, name)) {
      const container = args[0]!.toUpperCase();
      return this.#refuse(
        client,
        `ERR unknown subcommand '${args[1]!.slice(0, 128)}'. Try ${container} HELP.`,
      );
    }
    const command = subcommands[name]!;
    if (!hasArity(command, args.length)) return this.#refuse(client, wrongArity(command.name).message);
    this.#executeKnown(client, command, args);
  }

  #executeKnown(client: Client, command: Command, args: string[]) {
    const refusal = this.#refusal(client, command);
    if (refusal !== null) return this.#refuse(client, refusal);
    client.lastCommand = command.name;
    if (client.transaction !== null && !command.neverQueued) {
      if (!enqueue(client.transaction, command, args))
        return this.#refuse(client, 'ERR transaction too long');
      return client.reply.simple('QUEUED');
    }
    this.current = client;
    try {
      this.perform(client, command, args);
    } finally {
      this.current = null;
    }
    if (this.blocked.hasReady) this.#serveBlocked();
  }

  #refusal(client: Client, command: Command): string | null {
    if (!client.authenticated && !command.withoutPassword) return 'NOAUTH Authentication required.';
    if (client.protocol === 2 && !command.whileSubscribed && client.subscribed) {
      return `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
    }
    if (command.write && this.log !== null && this.log.failure !== null) {
      return `MISCONF Errors writing to the append only file: ${this.log.failure.message}`;
    }
    return null;
  }

  #refuse(client: Client, message: string): void {
    if (client.transaction !== null) client.transaction.broken = true;
    client.reply.error(message);
  }

  /** Runs a command whatever the state of the client; writes one reply, and logs what it changed. */
  perform(client: Client, command: Command, args: string[]): void {
    const { reply } = client;
    const { length } = reply;
    const { dirty } = this;
    try {
      command.run(client, args);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      reply.truncate(length);
      reply.error(error.message);
    }
    if (this.dirty !== dirty) this.#record(client, args);
  }

  #record(client: Client, args: string[]): void {
    const { logged } = client;
    client.logged = null;
    if (this.log === null) return;
    if (logged === null) this.log.append(client.db.index, args);
    else for (const one of logged) this.log.append(client.db.index, one);
  }

  #serveBlocked(): void {
    const { reply } = this;
    this.blocked.serve((client, serve) => {
      const { length, protocol } = reply;
      const { dirty } = this;
      reply.protocol = client.protocol;
      let served = true;
      try {
        served = serve();
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        reply.truncate(length);
        reply.error(error.message);
      }
      reply.protocol = protocol;
      if (this.dirty !== dirty) this.#record(client, []);
      if (reply.length > length) void client.sendReplies(length);
      return served;
    });
  }

  // What keyspaces tell

  keyExpired(keyspace: Keyspace, key: string): void {
    this.stats.expired++;
    keyspace.changed(key);
    this.log?.append(keyspace.index, ['del', key]);
  }

  keyChanged(keyspace: Keyspace, key: string): void {
    this.watches.changed(keyspace, key);
  }

  keyWillExpire(when: number): void {
    if (when < this.#alarmAt) this.#setAlarm(when);
  }

  #setAlarm(when: number): void {
    this.#alarmAt = when;
    const ms = Math.min(EXPIRE_LOOK, Math.max(EXPIRE_PAUSE, when - this.now));
    if (this.#alarm === null) this.#alarm = after(ms, () => this.#expireKeys()).unref();
    else this.#alarm.reset(ms);
  }

  #expireKeys(): void {
    this.readClock();
    this.#alarmAt = Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    if (this.expires) {
      for (const database of this.databases) {
        next = Math.min(next, database.expireSome(EXPIRE_BATCH) ?? Number.POSITIVE_INFINITY);
      }
      this.log?.flushSoon();
    } else {
      next = this.now + EXPIRE_LOOK;
    }
    if (next !== Number.POSITIVE_INFINITY) this.#setAlarm(next);
  }

  /** Nothing will expire, nobody is connected any more. */
  stop(): void {
    this.#alarm?.stop();
    for (const client of this.clients.values()) client.end();
  }
}

/** Redis's words, with as much of the arguments as it shows. */
function unknownCommand(args: readonly string[]): string {
  let shown = '';
  for (let i = 1; i < args.length && shown.length < 128; i++) {
    shown += `'${args[i]!.slice(0, 128 - shown.length)}' `;
  }
  return `ERR unknown command '${args[0]!.slice(0, 128)}', with args beginning with: ${shown}`;
}
