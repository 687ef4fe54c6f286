import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileEngineChoice } from '../../os/lanes.ts';
import { whyNoFileRing } from '../../os/ring/ring-lane.ts';
import { oncePerProcess } from '../../poll/drivers/process-once.ts';
import { driverChoice } from '../../poll/index.ts';
import { UsageError } from '../gateway/options.ts';
import { printed } from './print.ts';
import { type Manifest, makeReport } from './report.ts';
import { tryIoUring } from './ring.ts';
import { selfTest } from './self-test.ts';
import { thisSystem } from './system.ts';

const usage = `gopark doctor [--json]

Says which driver runs and why not the others, what this kernel has, and which limits are too low.
The exit code is 1 when something prevents gopark from running, else 0.`;

/** `gopark doctor ...`: the exit code. */
export async function doctorCommand(args: string[]): Promise<number> {
  const { json, help } = parse(args);
  if (help) {
    console.log(usage);
    return 0;
  }
  const manifest = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ) as Manifest;
  const choice = driverChoice();
  // The report says why a lesser driver runs.
  oncePerProcess();
  const failed = choice.driver === null ? null : await selfTest();
  const ring = tryIoUring();
  // Where a filter ends who tries, we do not.
  const whyNoRing = ring?.state === 'no' ? ring.detail : whyNoFileRing();
  const files = { ...fileEngineChoice(), whyNoRing };
  const report = makeReport(thisSystem, manifest, choice, failed, files, ring);
  console.log(json ? JSON.stringify(report, null, 2) : printed(report));
  return report.problems.length === 0 ? 0 : 1;
}

function parse(args: string[]): { json: boolean; help: boolean } {
  try {
    const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values } = parseArgs({ args, options });
    return { json: values.json === true, help: values.help === true };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
