// `npm run bench:http`: examples/http beside node:http and Go's net/http, under wrk. `-- --rounds 8 --connections 50`, `-- --quick`
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Child } from '../lib/child.ts';
import { compileGo } from '../lib/compile.ts';
import { cpuMicroseconds } from '../lib/cpu-time.ts';
import { numberIn, runMain } from '../lib/options.ts';
import { onCore } from '../lib/pinning.ts';
import { machine, median, printTable } from '../lib/report.ts';

interface Running {
  readonly name: string;
  readonly address: string;
  readonly child: Child;
}

interface Sample {
  readonly perCpuSecond: number;
  readonly perSecond: number;
}

const has = (tool: string, option: string) => spawnSync(tool, [option]).error === undefined;
const inNode = (path: string) => [process.execPath, fileURLToPath(new URL(path, import.meta.url))];
const pipelining = fileURLToPath(new URL('../../../bench/http/pipeline.lua', import.meta.url));

function contenders(): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {
    'node:http': inNode('servers/node-http.js'),
    gopark: [...inNode('../../examples/http/main.js'), '--port', '0'],
  };
  if (has('go', 'version')) found['net/http'] = [compileGo('http/peers/http-server.go')];
  return found;
}

async function start(name: string, command: readonly string[]): Promise<Running> {
  const child = new Child('server', command);
  const address = /^ready on (.*)$/.exec(await child.line())![1]!;
  return { name, address, child };
}

interface Workload {
  readonly path: string;
  /** Requests at a time on each connection. */
  readonly pipeline: number;
}

const workloads: readonly Workload[] = [
  { path: '/plaintext', pipeline: 1 },
  { path: '/json', pipeline: 1 },
  { path: '/plaintext', pipeline: 16 },
];

function measure({ address, child }: Running, { path, pipeline }: Workload, connections: number): Sample {
  const options = ['-t', '1', '-c', String(connections), '-d', '1s'];
  const script = pipeline === 1 ? [] : ['-s', pipelining];
  const [file, ...args] = onCore('load', [
    'wrk',
    ...options,
    ...script,
    `http://${address}${path}`,
    String(pipeline),
  ]);
  const before = cpuMicroseconds(child.pid);
  const { stdout, status } = spawnSync(file!, args, { encoding: 'utf8' });
  const cpu = cpuMicroseconds(child.pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  if (status !== 0 || !(requests > 0) || /Non-2xx|Socket errors/.test(stdout)) {
    throw new Error(`wrk is not content with ${address}${path}:\n${stdout}`);
  }
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
  return { perCpuSecond: (requests / cpu) * 1e6, perSecond };
}

await runMain(async () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      connections: { type: 'string', default: '50' },
      quick: { type: 'boolean', default: false },
    },
  });
  const rounds = numberIn(values.rounds ?? (values.quick ? '3' : '6'), 'rounds');
  const connections = numberIn(values.connections, 'connections');
  if (!has('wrk', '-v')) throw new Error('this machine lacks wrk');
  console.log(machine());
  console.log(
    `medians of ${rounds} rounds of 1 s, ${connections} connections; ratios of CPU per request, paired within a round`,
  );
  const servers: Running[] = [];
  for (const [name, command] of Object.entries(contenders())) servers.push(await start(name, command));
  const rows: string[][] = [];
  for (const workload of workloads) {
    const samples = new Map<Running, Sample[]>(servers.map((server) => [server, []]));
    for (const server of servers) measure(server, workload, connections);
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) samples.get(server)!.push(measure(server, workload, connections));
    }
    const base = samples.get(servers[0]!)!;
    for (const [{ name }, own] of samples) {
      rows.push([
        `${workload.path}${workload.pipeline > 1 ? `, ${workload.pipeline} at a time` : ''}, ${name}`,
        String(Math.round(median(own.map(({ perCpuSecond }) => perCpuSecond)))),
        String(Math.round(median(own.map(({ perSecond }) => perSecond)))),
        median(own.map(({ perCpuSecond }, i) => perCpuSecond / base[i]!.perCpuSecond)).toFixed(2),
      ]);
    }
  }
  for (const { child } of servers) await child.stop();
  printTable(['', 'requests per CPU second', 'per second', 'to node:http'], rows);
});
