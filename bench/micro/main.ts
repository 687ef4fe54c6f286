// `npm run bench:micro`: small things by themselves, with mitata. `-- --only linkbuffer,Scanner`
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bench, group, run } from 'mitata';
import { runMain } from '../lib/options.ts';
import { chosen } from './all.ts';
import { load } from './gopark.ts';
import type { Workload } from './workload.ts';

await runMain(async () => {
  const { values } = parseArgs({ options: { only: { type: 'string' } } });
  const gopark = await load(fileURLToPath(new URL('../../..', import.meta.url)));
  const byPackage = new Map<string, Workload[]>();
  for (const workload of chosen(values.only)) {
    const name = workload.name.split(':')[0]!;
    byPackage.set(name, [...(byPackage.get(name) ?? []), workload]);
  }
  console.log('the time is that of one run, which does as many as stands behind the name');
  for (const [name, workloads] of byPackage) {
    const made: { title: string; once: () => void | Promise<void> }[] = [];
    for (const workload of workloads) {
      made.push({
        title: `${workload.name.slice(name.length + 2)} x ${workload.count}`,
        once: await workload.make(gopark),
      });
    }
    group(name, () => {
      for (const { title, once } of made) bench(title, once);
    });
  }
  // Whole runs without a wait are what is measured.
  gopark.runtime.runtime.holdLimit = 0;
  await run({ colors: process.stdout.isTTY === true });
  // Connections that echo would keep us.
  process.exit();
});
