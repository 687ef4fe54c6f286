import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { npmPeers } from '../lib/npm-peer.ts';
import { pinningNote } from '../lib/pinning.ts';
import type { Machine } from './results.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The first line of what a program says; null where there is none. */
function said(command: string, ...args: string[]): string | null {
  const { stdout, status } = spawnSync(command, args, { encoding: 'utf8', cwd: root });
  return status === 0 ? stdout.split('\n')[0]!.trim() : null;
}

function goModules(): Record<string, string> {
  const text = readFileSync(`${root}bench/peers/go/go.mod`, 'utf8');
  const version = (module: string) => new RegExp(`${module} (v\\S+)`).exec(text)![1]!;
  return { netpoll: version('cloudwego/netpoll'), gnet: version('panjf2000/gnet/v2') };
}

function versions(): Record<string, string> {
  const commit = said('git', 'rev-parse', '--short', 'HEAD');
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const found: Record<string, string | null> = {
    gopark: commit === null ? version : `${version} (${commit})`,
    node: process.versions.node,
    cc: said(process.env.CC ?? 'cc', '--version'),
    go: said('go', 'version'),
    ...goModules(),
    ...npmPeers,
  };
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, string] => entry[1] !== null),
  );
}

export function describeMachine(): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model ?? 'unknown CPU',
    cores: all.length,
    memory: totalmem(),
    system: `${type()} ${release()}`,
    pinning: pinningNote,
    versions: versions(),
  };
}
