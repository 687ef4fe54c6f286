import type { Scenario } from '../programs.ts';
import { talk } from './lib.ts';

const killed = { exit: 'SIGKILL' };

export const fromGo: Record<string, Scenario> = {
  'docs/from-go.md#echo': { drive: talk(9000, 'abc', 'abc'), ...killed },
  'docs/from-go.md#errors': { peers: { 9001: (socket) => socket.write('only this') }, stdout: 'too slow\n' },
  'docs/from-go.md#deadlines': { drive: talk(9002, 'abc', 'abc'), ...killed },
  'docs/from-go.md#scanner': { drive: talk(9003, 'a\nbc\nd', 'a\nbc\n'), ...killed },
  'docs/from-go.md#select': { stdout: '100\n101\n102\n' },
  'docs/from-go.md#contexts': { stdout: 'TimeoutError\n' },
  'docs/from-go.md#errgroup': { peers: { 9004: (socket) => socket.resume() }, stdout: '2\n' },
};
