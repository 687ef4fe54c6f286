// `npm run bench:journal`: order -> ack latency of the gateway with and without a journal, at a part of what it can do
// without; and what a slow disk does to those who send no orders.
import { parseArgs } from 'node:util';
import { findSaturation } from '../gateway/saturation.ts';
import { numberIn, runMain } from '../lib/options.ts';
import { machine, median, printTable } from '../lib/report.ts';
import { type Contender, compare, KINDS } from './compare.ts';

/** The journal may cost so much: whichever is larger. */
const MOST_TIMES = 1.5;
const MOST_MORE = 500;
const MOST_THREADS = 16;
/** With a slow disk nobody may stand still for longer, in milliseconds. */
const MOST_STALL = 25;

const milliseconds = (us: number) => (us / 1000).toFixed(2);
function report(contenders: Contender[], slow: number): boolean {
  const base = contenders.find(({ name }) => name === 'none');
  const limit =
    base === undefined ? null : Math.max(MOST_TIMES * median(base.p99), median(base.p99) + MOST_MORE);
  let allHold = true;
  const rows = contenders.map((one) => {
    const p99 = median(one.p99);
    const stall = Math.max(...one.stall);
    const fast = slow > 0 ? stall <= MOST_STALL : limit === null || p99 <= limit;
    const holds = fast && one.threads <= MOST_THREADS && one.lost === 0;
    const counts = one.name !== 'blocking';
    if (counts && !holds) allHold = false;
    return [
      one.name,
      milliseconds(median(one.p50)),
      milliseconds(p99),
      stall.toFixed(1),
      median(one.cpu).toFixed(1),
      `${(100 * median(one.noise.map(({ others, steal }) => others + steal))).toFixed(0)} %`,
      String(one.threads),
      String(one.lost),
      holds ? 'yes' : counts ? 'NO' : 'no',
    ];
  });
  const title =
    slow > 0
      ? `each sync ${slow} ms slower; limit: a stall of ${MOST_STALL} ms`
      : limit === null
        ? 'no limit: nothing to compare with'
        : `limit: p99 ${milliseconds(limit)} ms`;
  console.log(`\n${title}`);
  printTable(
    ['journal', 'p50 ms', 'p99 ms', 'longest stall ms', 'CPU us/order', 'others', 'threads', 'lost', 'holds'],
    rows,
  );
  return allHold;
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      connections: { type: 'string', default: '2000' },
      seconds: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
      part: { type: 'string', default: '0.3' },
      rate: { type: 'string' },
      slow: { type: 'string', default: '200' },
      only: { type: 'string', default: Object.keys(KINDS).join(',') },
    },
  });
  const connections = numberIn(values.connections, 'connections');
  const seconds = numberIn(values.seconds, 'seconds');
  const rounds = numberIn(values.rounds, 'rounds');
  const names = values.only.split(',');
  console.log(`${machine()}\n`);
  let rate = values.rate === undefined ? 0 : numberIn(values.rate, 'rate');
  if (rate === 0) {
    const saturation = await findSaturation(connections, Math.min(2, seconds), () => {});
    rate = Math.round(saturation * numberIn(values.part, 'part'));
    console.log(`saturation without a journal: ${Math.round(saturation)} orders/s`);
  }
  console.log(
    `${connections} connections, ${rate} orders/s, ${rounds} rounds of ${seconds} s, one after the other`,
  );
  // Who cannot keep up works its queue off while the others have their turn: it is measured when they are through.
  const apart = names.includes('blocking');
  const together = names.filter((name) => name !== 'blocking');
  const measure = async (some: string[], rounds: number, slow: number) => {
    const found = await compare(some, connections, rate, seconds, rounds, slow);
    return apart ? [...found, ...(await compare(['blocking'], connections, rate, seconds, 1, slow))] : found;
  };
  let holds = report(await measure(together, rounds, 0), 0);
  const slow = Number(values.slow);
  if (slow > 0) {
    const journals = together.filter((name) => name !== 'none');
    holds = report(await measure(journals, 1, slow), slow) && holds;
  }
  if (!holds) process.exitCode = 1;
});
