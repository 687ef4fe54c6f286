import { fileURLToPath } from 'node:url';
import { type Start, startOf, titleOf } from '../echo/contenders.ts';

export interface Contender {
  readonly title: string;
  /** Throws a MissingError where it cannot be had. */
  readonly start: () => Start;
  /** Whether it settles its heap and reports. */
  readonly reports: boolean;
}

function ours(title: string, name: string, ...args: string[]): Contender {
  const path = fileURLToPath(new URL(`servers/${name}.js`, import.meta.url));
  const command = [process.execPath, '--expose-gc', path, ...args];
  return { title, start: () => ({ command, env: {} }), reports: true };
}

/** A server of the echo benchmark. */
function echo(name: string, reports = true): Contender {
  const workload = { title: '', connections: 1, size: 64, depth: 1, mode: 'echo', buffer: 4096 } as const;
  return { title: titleOf(name), start: () => startOf(name, workload), reports };
}

export const contenders: Record<string, Contender> = {
  wait: ours('gopark: waitReadable, tryRead into a shared buffer', 'gopark', 'wait'),
  read: ours('gopark: read with a 64 B buffer of its own', 'gopark', 'read'),
  scanner: ours('gopark: bufio.Scanner', 'gopark', 'scanner'),
  eventloop: ours('gopark: event loop', 'gopark-eventloop'),
  node: ours('node:net: data events', 'node-events'),
  c: echo('c', false),
  'c-uring': echo('c-uring', false),
  'c-threads': echo('c-threads', false),
  go: echo('go'),
  netpoll: echo('netpoll'),
  gnet: echo('gnet'),
  'for-await': echo('for-await'),
  bun: echo('bun'),
  deno: echo('deno'),
};

/** Those that need nothing but Node and a C compiler. */
export const usual = ['wait', 'read', 'scanner', 'eventloop', 'node', 'c'];

/** A contender on a driver: `read:portable`. */
export function contender(name: string): Contender {
  const [kind, driver] = name.split(':');
  const found = contenders[kind!]!;
  if (driver === undefined) return found;
  const start = () => ({ ...found.start(), env: { GOPARK_DRIVER: driver } });
  return { ...found, title: `${found.title}, ${driver}`, start };
}
