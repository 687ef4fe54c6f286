// `npm run bench:udp`: what a received datagram costs. `-- --rounds 10 --only flood --contenders c,node,batch`
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from '../lib/child.ts';
import { compile } from '../lib/compile.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import { namesIn, numberIn, runMain } from '../lib/options.ts';
import type { Side } from '../lib/pinning.ts';
import { machine, median, printTable } from '../lib/report.ts';

interface Workload {
  readonly title: string;
  readonly size: number;
  readonly peers: number;
  /** Datagrams a second, 0: as many as the sender can. */
  readonly rate: number;
  readonly burst: number;
  /** Bursts of one sender travel as one piece, as far as the receiver can take them apart. */
  readonly together: boolean;
  /** Where the senders run: one beside the receiver makes it fall behind, which is when batches grow. */
  readonly senders: readonly Side[];
}

const small = {
  size: 64,
  peers: 1,
  rate: 0,
  burst: 32,
  together: false,
  senders: ['load', 'server'],
} as const;

const workloads: Record<string, Workload> = {
  flood: { ...small, title: '64 B, each by itself, as many as two cores send, two peers' },
  peers: {
    ...small,
    title: '64 B, each by itself, as many as two cores send, 200 peers in turn',
    peers: 100,
  },
  bursts: {
    ...small,
    title: '64 B, bursts of 32 that travel together, 50 peers in turn',
    peers: 50,
    together: true,
    senders: ['load'],
  },
  large: {
    ...small,
    title: '1,400 B, bursts of 32 that travel together',
    size: 1400,
    together: true,
    senders: ['load'],
  },
  paced: { ...small, title: '64 B, one by one, 10,000 a second', rate: 10_000, burst: 1, senders: ['load'] },
};

const node = (name: string, ...args: string[]) => [
  process.execPath,
  fileURLToPath(new URL(`servers/${name}.js`, import.meta.url)),
  ...args,
];

interface Contender {
  readonly title: string;
  readonly command: () => readonly string[];
  readonly driver?: string;
}

const contenders: Record<string, Contender> = {
  node: { title: 'node:dgram', command: () => node('node') },
  receive: { title: 'gopark receive', command: () => node('gopark', 'one'), driver: 'epoll' },
  read: { title: 'gopark read', command: () => node('gopark', 'read'), driver: 'epoll' },
  batch: { title: 'gopark receiveBatch', command: () => node('gopark', 'batch'), driver: 'epoll' },
  'portable-receive': {
    title: 'gopark receive, portable',
    command: () => node('gopark', 'one'),
    driver: 'portable',
  },
  'portable-batch': {
    title: 'gopark receiveBatch, portable',
    command: () => node('gopark', 'batch'),
    driver: 'portable',
  },
  c: { title: 'C, recvmmsg, no GRO', command: () => [compile('udp/receiver.c')] },
};

interface Receiver {
  readonly name: string;
  readonly child: Child;
  readonly port: string;
}

interface Slice {
  readonly received: number;
  readonly sent: number;
  readonly cpu: number;
}

async function countOf({ child }: Receiver): Promise<number> {
  child.say('count');
  return Number(await child.line());
}

async function slice(flood: string, receiver: Receiver, load: Workload, seconds: number): Promise<Slice> {
  const before = await countOf(receiver);
  const cpuBefore = cpuMicroseconds(receiver.child.pid);
  const { size, peers, rate, burst, together, senders } = load;
  const options = [seconds, size, peers, rate, burst, together ? 1 : 0].map(String);
  const children = senders.map((side) => new Child(side, [flood, receiver.port, ...options]));
  const counts = await Promise.all(children.map(async (child) => Number(await child.line())));
  const sent = counts.reduce((sum, count) => sum + count, 0);
  // What is still in the socket's queue is received before the answer, or with the next slice: a few hundred.
  const received = (await countOf(receiver)) - before;
  return { received, sent, cpu: cpuMicroseconds(receiver.child.pid) - cpuBefore };
}

async function compare(
  load: Workload,
  names: readonly string[],
  options: { flood: string; rounds: number; seconds: number },
): Promise<void> {
  const { flood, rounds, seconds } = options;
  console.log(`\n${load.title}`);
  const receivers: Receiver[] = [];
  try {
    for (const name of names) {
      const { command, driver } = contenders[name]!;
      const child = new Child('server', command(), {
        // Who is held up here is held up by the machine.
        GOPARK_HOLD_LIMIT: '0',
        ...(driver === undefined ? {} : { GOPARK_DRIVER: driver }),
      });
      receivers.push({ name, child, port: await child.line() });
    }
    // The first round warms up.
    for (const receiver of receivers) await slice(flood, receiver, load, 2 * seconds);
    const slices = names.map((): Slice[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, receiver] of receivers.entries()) {
        slices[i]!.push(await slice(flood, receiver, load, seconds));
      }
    }
    const perSecond = slices.map((some) => some.map(({ received, cpu }) => received / (cpu / 1e6)));
    const base = names.indexOf('node');
    const rows = names.map((name, i) => [
      contenders[name]!.title,
      (median(perSecond[i]!) / 1000).toFixed(0),
      base < 0
        ? ''
        : median(perSecond[i]!.map((value, round) => value / perSecond[base]![round]!)).toFixed(2),
      (median(slices[i]!.map(({ received }) => received / seconds)) / 1000).toFixed(0),
      median(slices[i]!.map(({ received, sent }) => (100 * received) / sent)).toFixed(0),
    ]);
    printTable(['who', 'k / CPU s', 'x node:dgram', 'k / s', 'received %'], rows);
  } finally {
    await Promise.all(receivers.map(({ child }) => child.stop()));
  }
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '8' },
      seconds: { type: 'string', default: '0.4' },
      only: { type: 'string' },
      contenders: { type: 'string' },
    },
  });
  const rounds = numberIn(values.rounds, 'rounds');
  const seconds = numberIn(values.seconds, 'seconds');
  const only = namesIn(values.only, Object.keys(workloads), 'workload');
  const names = namesIn(values.contenders, Object.keys(contenders), 'contender');
  const flood = compile('udp/flood.c');
  console.log(machine());
  console.log(
    `datagrams received per second of the receiver's CPU time; medians of ${rounds} rounds of ${seconds} s`,
  );
  for (const name of only) await compare(workloads[name]!, names, { flood, rounds, seconds });
});
