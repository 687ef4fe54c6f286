// A server that Redis's clients can talk to.
//
//     node build/examples/redis/main.js --port 6379 --appendonly appendonly.aof --appendfsync everysec
import { parseArgs } from 'node:util';
import { listen } from 'gopark/net';
import { defaults } from './config.ts';
import { openLog } from './replay.ts';
import { eventLoopFor } from './serve.ts';
import { Server } from './server.ts';

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

function options() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string', default: String(defaults.port) },
        bind: { type: 'string', default: defaults.host },
        requirepass: { type: 'string' },
        databases: { type: 'string', default: String(defaults.databases) },
        appendonly: { type: 'string' },
        appendfsync: { type: 'string', default: defaults.appendSync },
        maxclients: { type: 'string', default: String(defaults.maxClients) },
      },
    }).values;
  } catch (error) {
    fail((error as Error).message);
  }
}

const values = options();

function integer(name: 'port' | 'databases' | 'maxclients', least: number): number {
  const value = Number(values[name]);
  return Number.isInteger(value) && value >= least
    ? value
    : fail(`--${name}: ${values[name]} is no such number`);
}

const { appendfsync: appendSync } = values;
if (appendSync !== 'always' && appendSync !== 'everysec' && appendSync !== 'no') {
  fail(`--appendfsync: always, everysec or no, not ${appendSync}`);
}
const server = new Server({
  port: integer('port', 0),
  host: values.bind,
  password: values.requirepass ?? null,
  databases: integer('databases', 1),
  appendOnly: values.appendonly ?? null,
  appendSync,
  maxClients: integer('maxclients', 1),
});
const { config } = server;
if (config.appendOnly !== null) {
  const { commands, cut, rewritten } = await openLog(server, config.appendOnly).catch((error: Error) =>
    fail(error.message),
  );
  console.log(
    `${config.appendOnly}: ${commands} commands${cut > 0 ? `, ${cut} torn bytes cut off` : ''}${rewritten ? ', written anew' : ''}`,
  );
}
const host = config.host.includes(':') ? `[${config.host}]` : config.host;
const listener = await listen('tcp', `${host}:${config.port}`).catch((error: Error) => fail(error.message));
const loop = eventLoopFor(server);
const serving = loop.serve(listener);
let stopping: Promise<unknown> | null = null;
server.shutdown = () => {
  stopping ??= loop.shutdown({ timeout: 1000 }).then(() => server.stop());
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, server.shutdown);
console.log(`ready on ${listener.addr}`);
await serving;
await stopping;
await server.log?.close();
