// `npm run bench:procs`: what several Ps bring, and what they cost. `-- --rounds 5 --seconds 1 --connections 15000`
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { compile } from '../lib/compile.ts';
import { numberIn, runMain } from '../lib/options.ts';
import { machine } from '../lib/report.ts';
import { roundsFor } from './computing.ts';
import { startUp, threads } from './cost.ts';
import { scaling } from './scaling.ts';

const parts = ['burn', 'echo', 'start', 'threads'] as const;

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      procs: { type: 'string', default: String(Math.max(2, availableParallelism())) },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      work: { type: 'string', default: '2' },
      connections: { type: 'string', default: '15000' },
      only: { type: 'string' },
    },
  });
  const procs = numberIn(values.procs, 'procs');
  const rounds = numberIn(values.rounds, 'rounds');
  const seconds = numberIn(values.seconds, 'seconds');
  const work = numberIn(values.work, 'work');
  const wanted = (part: (typeof parts)[number]) => values.only === undefined || values.only === part;
  const generator = compile('echo/load/load-generator.c');
  console.log(machine('nothing is pinned'));
  console.log(`medians of ${rounds} rounds; "times" is paired within a round`);
  if (wanted('burn')) {
    const task = { title: `${work} ms of computing for each message`, connections: 8 * procs, size: 16 };
    await scaling(generator, { ...task, rounds: roundsFor(work) }, procs, { rounds, seconds });
  }
  if (wanted('echo')) {
    const task = { title: 'echo', connections: 100, size: 64, rounds: 0 };
    await scaling(generator, task, procs, { rounds, seconds });
  }
  if (wanted('start')) await startUp([1, 2, 4], rounds);
  if (wanted('threads')) await threads(numberIn(values.connections, 'connections'), 2);
});
