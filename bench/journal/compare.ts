import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UnderLoad } from '../gateway/under-load.ts';
import { type Noise, NoiseMeter } from '../lib/noise.ts';
import { Probe } from './probe.ts';

/** How orders are kept, and what the gateway is told for that. */
export const KINDS: Record<string, readonly string[]> = {
  none: [],
  never: ['--sync', 'never'],
  batch: ['--sync', 'batch'],
  blocking: ['--sync', 'batch', '--journal-mode', 'blocking'],
};

export interface Contender {
  readonly name: string;
  readonly tested: UnderLoad;
  readonly probe: Probe;
  readonly p50: number[];
  readonly p99: number[];
  readonly stall: number[];
  lost: number;
  threads: number;
  readonly cpu: number[];
  readonly noise: Noise[];
}

/** Before each turn, in seconds. */
const WARM_UP = 2;

const slowDisk = fileURLToPath(new URL('slow-disk.js', import.meta.url));

async function begin(
  name: string,
  connections: number,
  directory: string,
  slow: boolean,
): Promise<Contender> {
  const journal = KINDS[name]!.length === 0 ? [] : ['--journal', join(directory, name), ...KINDS[name]!];
  const node = slow ? ['--import', slowDisk] : [];
  // The probe is a connection more.
  const most = String(connections + 16);
  const gateway = [...journal, '--max-connections', most, '--max-per-address', most];
  const tested = await UnderLoad.start(connections, { gateway, node });
  return {
    name,
    tested,
    probe: new Probe(tested.address),
    p50: [],
    p99: [],
    stall: [],
    lost: 0,
    threads: 0,
    cpu: [],
    noise: [],
  };
}

/** Gateways with one journal each, under load in turns. `slow`: milliseconds that each sync takes longer. */
export async function compare(
  names: string[],
  connections: number,
  rate: number,
  seconds: number,
  rounds: number,
  slow: number,
) {
  const directory = mkdtempSync(join(tmpdir(), 'gopark-journal-'));
  process.env.SLOW_DISK = String(slow);
  // The blocking one holds its event loop all the time.
  process.env.GOPARK_HOLD_LIMIT = '0';
  const contenders: Contender[] = [];
  try {
    for (const name of names) contenders.push(await begin(name, connections, directory, slow > 0));
    for (let round = 0; round < rounds; round++) {
      for (const one of contenders) {
        // It has slept while the others had their turns, and collects its garbage when it wakes up.
        await one.tested.run({ seconds: WARM_UP, rate, feeds: 20 });
        one.probe.take();
        const meter = new NoiseMeter(one.tested.pids);
        const found = await one.tested.run({ seconds, rate, feeds: 20 });
        one.noise.push(meter.stop());
        one.p50.push(found.p50);
        one.p99.push(found.p99);
        one.stall.push(one.probe.take());
        one.cpu.push(found.cpuMicroseconds);
        one.lost += found.lost + found.errors;
        one.threads = Math.max(one.threads, found.threads);
      }
    }
  } finally {
    for (const { tested, probe } of contenders) {
      await probe.stop().catch((error) => console.error(error));
      await tested.stop();
    }
    rmSync(directory, { recursive: true, force: true });
  }
  return contenders;
}
