import { fileURLToPath } from 'node:url';
import { compile } from '../lib/compile.ts';

export interface Contender {
  readonly title: string;
  readonly command: () => string[];
  /** Whether it is a server of ours that settles its heap and reports. */
  readonly reports: boolean;
}

function nodeServer(title: string, name: string, ...args: string[]): Contender {
  const path = fileURLToPath(new URL(`servers/${name}.js`, import.meta.url));
  return { title, command: () => [process.execPath, '--expose-gc', path, ...args], reports: true };
}

export const contenders: Record<string, Contender> = {
  wait: nodeServer('gopark: waitReadable, tryRead into a shared buffer', 'gopark', 'wait'),
  read: nodeServer('gopark: read with a 64 B buffer of its own', 'gopark', 'read'),
  scanner: nodeServer('gopark: bufio.Scanner', 'gopark', 'scanner'),
  eventloop: nodeServer('gopark: event loop', 'gopark-eventloop'),
  node: nodeServer('node:net: data events', 'node-events'),
  c: {
    title: 'C: epoll',
    command: () => [compile('echo/peers/echo-server.c'), 'echo', '64', '4096'],
    reports: false,
  },
};
