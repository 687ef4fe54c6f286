import { fileURLToPath } from 'node:url';
import { compile, compileAddon, compileGoPeer, MissingError } from '../lib/compile.ts';
import { npmPeer } from '../lib/npm-peer.ts';
import type { Mode } from './servers/arguments.ts';
import type { Workload } from './workloads.ts';

/** What starts a server. */
export interface Start {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Server {
  /** For people. */
  readonly title: string;
  /** Throws a MissingError where it cannot be had. MODE, SIZE and BUFFER follow its command. */
  readonly start: () => Start;
  /** What it can do; everything unless said. */
  readonly modes?: readonly Mode[];
}

const module = (name: string) => fileURLToPath(new URL(`servers/${name}.js`, import.meta.url));

function program(command: readonly string[], env: Record<string, string> = {}): Start {
  return { command, env };
}

/** Memory reports need the flag. */
function node(name: string, env: Record<string, string> = {}): Start {
  return program([process.execPath, '--expose-gc', module(name)], env);
}

/** Servers print the port they listen on. */
const servers: Record<string, Server> = {
  c: {
    title: 'C, epoll',
    start: () => program([compile('echo/peers/echo-server.c')]),
  },
  'c-uring': {
    title: 'C, io_uring',
    start: () => program([compile('echo/peers/echo-server-uring.c')]),
    modes: ['echo'],
  },
  'c-threads': {
    title: 'C, a thread per connection',
    start: () => program([compile('echo/peers/echo-server-threads.c')]),
    modes: ['echo'],
  },
  'c-in-node': {
    title: "C in Node's event loop",
    start: () => node('c-in-node', { ADDON: compileAddon('echo/peers/echo-in-node.c') }),
    modes: ['echo'],
  },
  go: { title: 'Go net', start: () => program([compileGoPeer('echo')]) },
  netpoll: { title: 'Netpoll (Go)', start: () => program([compileGoPeer('netpoll')]) },
  // It would log its start on standard output.
  gnet: { title: 'gnet (Go)', start: () => program([compileGoPeer('gnet')], { GNET_LOGGING_LEVEL: '5' }) },
  node: { title: 'node:net, events', start: () => node('node-events') },
  'node-onread': {
    title: 'node:net, onread',
    start: () => node('node-onread'),
    modes: ['echo', 'lines'],
  },
  'for-await': { title: 'node:net, for await', start: () => node('node-for-await') },
  bun: { title: 'Bun.listen', start: () => program([npmPeer('bun'), module('bun')]) },
  deno: {
    title: 'Deno.listen',
    start: () => program([npmPeer('deno'), 'run', '-A', '--v8-flags=--expose-gc', module('deno')]),
  },
  gopark: { title: 'gopark, goroutines', start: () => node('gopark') },
  'gopark-eventloop': { title: 'gopark, event loop', start: () => node('gopark-eventloop') },
};

const models: Record<string, string> = { gopark: 'goroutines', 'gopark-eventloop': 'eventloop' };

/** Those that need nothing but Node and a C compiler. */
const usual = ['c', 'node', 'for-await', 'gopark', 'gopark-eventloop'];

/** The names of peers: everybody but gopark. */
export const peers = Object.keys(servers).filter((name) => models[name] === undefined);

interface Parts {
  readonly server: string;
  /** gopark's driver; undefined: what it chooses. */
  readonly driver: string | undefined;
  readonly procs: number;
}

/** A contender may name gopark's driver and how many Ps it has: `gopark:epoll`, `gopark:epoll:2p`. */
function split(contender: string): Parts {
  const [server, ...rest] = contender.split(':');
  const procs = rest.find((part) => /^\d+p$/.test(part));
  const drivers = rest.filter((part) => part !== procs);
  if (servers[server!] === undefined) {
    throw new Error(
      `no contender "${contender}": there are ${Object.keys(servers).join(', ')}, gopark:DRIVER, gopark:DRIVER:2p`,
    );
  }
  if (rest.length > 0 && models[server!] === undefined)
    throw new Error(`"${contender}": only gopark has drivers and Ps`);
  if (drivers.length > 1) throw new Error(`"${contender}" names two drivers`);
  return { server: server!, driver: drivers[0], procs: procs === undefined ? 1 : Number.parseInt(procs, 10) };
}

export function contendersIn(option: string | undefined, withGo = false): readonly string[] {
  const names = option?.split(',') ?? usual;
  for (const name of names) split(name);
  return withGo && !names.includes('go') ? [...names, 'go'] : names;
}

/** Its name for people. */
export function titleOf(contender: string): string {
  const { server, driver, procs } = split(contender);
  const details = [driver, procs > 1 ? `${procs} Ps` : undefined].filter((part) => part !== undefined);
  return [servers[server]!.title, ...details].join(', ');
}

export function hasSeveralProcs(contender: string): boolean {
  return split(contender).procs > 1;
}

/** Why it has no part in a workload; null: it has. */
export function unfit(contender: string, mode: Mode): string | null {
  const { modes } = servers[split(contender).server]!;
  return modes === undefined || modes.includes(mode) ? null : `has no ${mode} mode`;
}

/** Throws a MissingError where it cannot be had. */
export function startOf(contender: string, { mode, size, buffer }: Workload): Start {
  const why = unfit(contender, mode);
  if (why !== null) throw new MissingError(`${contender} ${why}`);
  const { server, driver, procs } = split(contender);
  const start =
    procs > 1
      ? node('gopark-procs', { PROCS: String(procs), MODEL: models[server]! })
      : servers[server]!.start();
  return {
    command: [...start.command, mode, String(size), String(buffer)],
    env: { ...start.env, ...(driver === undefined ? {} : { GOPARK_DRIVER: driver }) },
  };
}
