import { fileURLToPath } from 'node:url';
import { compile, compileGo } from '../lib/compile.ts';
import type { Workload } from './workloads.ts';

/** Servers print the port they listen on; their arguments are the mode, a message's size and the read buffer's. */
const servers: Record<string, () => string[]> = {
  c: () => [compile('echo/peers/echo-server.c')],
  go: () => [compileGo('echo/peers/echo-server.go')],
  node: () => nodeServer('node-events'),
  'for-await': () => nodeServer('node-for-await'),
  gopark: () => nodeServer('gopark'),
  'gopark-eventloop': () => nodeServer('gopark-eventloop'),
};

/** Those that need nothing but Node and a C compiler. */
const usual = ['c', 'node', 'for-await', 'gopark', 'gopark-eventloop'];

function nodeServer(name: string): string[] {
  return [process.execPath, fileURLToPath(new URL(`servers/${name}.js`, import.meta.url))];
}

/** A contender may name gopark's driver: `gopark:portable`. */
function split(contender: string): { server: string; driver: string | undefined } {
  const [server, driver] = contender.split(':');
  return { server: server!, driver };
}

export function contendersIn(option: string | undefined, withGo: boolean): readonly string[] {
  const names = option?.split(',') ?? usual;
  for (const name of names) {
    const { server, driver } = split(name);
    if (servers[server] === undefined) {
      throw new Error(`no contender "${name}": there are ${Object.keys(servers).join(', ')}, gopark:DRIVER`);
    }
    if (driver !== undefined && !server.startsWith('gopark'))
      throw new Error(`"${name}": only gopark has drivers`);
  }
  return withGo && !names.includes('go') ? [...names, 'go'] : names;
}

export interface Start {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export function startOf(contender: string, { mode, size, buffer }: Workload): Start {
  const { server, driver } = split(contender);
  return {
    command: [...servers[server]!(), mode, String(size), String(buffer)],
    env: driver === undefined ? {} : { GOPARK_DRIVER: driver },
  };
}
