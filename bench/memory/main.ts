// `npm run bench:memory`: what an idle connection costs. `-- --connections 5000 --after-message --only wait,node`, `-- --cold`
import { parseArgs } from 'node:util';
import { descriptorShortage } from '#dist/cli/lib/descriptor-limit.js';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { contenders, usual } from './contenders.ts';
import { holder, measure, type PerConnection } from './measure.ts';

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '15000' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string' },
      'after-message': { type: 'boolean', default: false },
      cold: { type: 'boolean', default: false },
    },
  });
  const connections = numberIn(values.connections, 'connections');
  const runs = numberIn(values.runs, 'runs');
  const roundTrips = values['after-message'] ? 1 : 0;
  const names =
    values.only === undefined ? usual : namesIn(values.only, Object.keys(contenders), 'contender');
  // Server and clients have as many descriptors each, and inherit our limit.
  const shortage = descriptorShortage(connections);
  if (shortage !== null) throw new Error(shortage);
  const program = holder();
  console.log(machine());
  const state = roundTrips === 0 ? 'silent since they were accepted' : 'idle after one round trip';
  const base = values.cold ? 'a server that has served nobody' : 'a server that has served others before';
  console.log(`${connections} connections, ${state}; over ${base}; medians of ${runs} fresh processes\n`);
  const bytes = (value: number | null | undefined) => (value == null ? '-' : Math.round(value).toString());
  const rows: string[][] = [];
  for (const name of names) {
    const found: PerConnection[] = [];
    for (let run = 0; run < runs; run++) {
      found.push(await measure(contenders[name]!, { program, connections, roundTrips, cold: values.cold }));
    }
    const resident = found.map((one) => one.resident);
    const heaps = found.map((one) => one.heap).filter((heap) => heap !== null);
    rows.push([
      contenders[name]!.title,
      bytes(median(resident)),
      `${bytes(Math.min(...resident))}-${bytes(Math.max(...resident))}`,
      bytes(heaps.length > 0 ? median(heaps) : null),
    ]);
  }
  printTable(['who', 'RSS B/conn', 'least-most', 'JS heap B/conn'], rows);
});
