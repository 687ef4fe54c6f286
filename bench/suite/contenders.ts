import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DriverChoice } from '#dist/poll/drivers/choice.js';
import { peers, startOf } from '../echo/contenders.ts';
import { MissingError } from '../lib/compile.ts';
import type { Family, Skipped } from './results.ts';

const drivers = ['epoll', 'uring', 'portable'];
const probe = fileURLToPath(new URL('driver-probe.js', import.meta.url));

/** Why a driver cannot be a contender; null: it can. */
function whyNot(driver: string): string | null {
  const env = { ...process.env, GOPARK_DRIVER: driver };
  const { stdout, status } = spawnSync(process.execPath, [probe], { env, encoding: 'utf8' });
  if (status !== 0) return `GOPARK_DRIVER=${driver} ends with ${status}`;
  const choice = JSON.parse(stdout) as Pick<DriverChoice, 'driver' | 'why' | 'others'>;
  if (choice.driver === driver) return null;
  return choice.others.find((other) => other.driver === driver)?.why ?? choice.why;
}

/** The drivers of gopark that run here, best first. */
export function workingDrivers(skipped: Skipped[]): readonly string[] {
  return drivers.filter((driver) => {
    const why = whyNot(driver);
    if (why !== null) skipped.push({ what: `gopark on ${driver}`, why });
    return why === null;
  });
}

/** All that could take part: the peers, and gopark on each driver in both models; on the best of them with two Ps, too. */
export function everybody(drivers: readonly string[]): readonly string[] {
  const models = ['gopark', 'gopark-eventloop'];
  const ours = drivers.flatMap((driver) => models.map((model) => `${model}:${driver}`));
  // The portable driver has one P only.
  const several = drivers.filter((driver) => driver !== 'portable').slice(0, 1);
  return [...peers, ...ours, ...several.flatMap((driver) => models.map((model) => `${model}:${driver}:2p`))];
}

/** One of each kind, for a quick look. */
export function someOf(drivers: readonly string[]): readonly string[] {
  const ours = drivers.filter((driver) => driver !== 'portable');
  const both = (ours.length > 0 ? ours : drivers).flatMap((driver) => [
    `gopark:${driver}`,
    `gopark-eventloop:${driver}`,
  ]);
  return ['c', 'go', 'netpoll', 'gnet', 'node', 'bun', 'deno', ...both];
}

const anything = { title: '', connections: 1, size: 64, depth: 1, mode: 'echo', buffer: 4096 } as const;

/** Those of them that can be had, after compiling and installing. */
export function available(names: readonly string[], skipped: Skipped[]): readonly string[] {
  return names.filter((name) => {
    try {
      startOf(name, anything);
      return true;
    } catch (error) {
      if (!(error instanceof MissingError)) throw error;
      skipped.push({ what: name, why: error.message });
      return false;
    }
  });
}

export function familyOf(name: string): Family {
  const [server] = name.split(':');
  if (server!.startsWith('c')) return 'c';
  if (server === 'go' || server === 'netpoll' || server === 'gnet') return 'go';
  if (server === 'bun' || server === 'deno') return server;
  return server!.startsWith('gopark') ? 'gopark' : 'node';
}
