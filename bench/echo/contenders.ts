import { fileURLToPath } from 'node:url';
import { compile } from '../lib/compile.ts';
import type { Workload } from './workloads.ts';

/** Servers print the port they listen on; their arguments are the mode, a message's size and the read buffer's. */
const servers: Record<string, () => string[]> = {
  c: () => [compile('echo/peers/echo-server.c')],
  node: () => nodeServer('node-events'),
  'for-await': () => nodeServer('node-for-await'),
  gopark: () => nodeServer('gopark'),
};

export const contenderNames = Object.keys(servers);

function nodeServer(name: string): string[] {
  return [process.execPath, fileURLToPath(new URL(`servers/${name}.js`, import.meta.url))];
}

export function serverCommand(contender: string, { mode, size, buffer }: Workload): string[] {
  return [...servers[contender]!(), mode, String(size), String(buffer)];
}
