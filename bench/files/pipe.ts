import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { machine, median, printTable } from '../lib/report.ts';

const child = fileURLToPath(new URL('pipe-child.js', import.meta.url));
const contenders = {
  copy: 'gopark, copy',
  loop: 'gopark, read and write, 64 KiB',
  node: 'process.stdin or stdout, pipeline, net.Socket',
};
const directions = { out: 'stdin to a connection', in: 'a connection to stdout' };

async function runOnce(contender: string, direction: string, port: number, bytes: number): Promise<number[]> {
  const middle = `"${process.execPath}" "${child}" ${contender} ${direction} ${port}`;
  const line = direction === 'out' ? `head -c ${bytes} /dev/zero | ${middle}` : `${middle} | cat > /dev/null`;
  const shell = spawn('sh', ['-c', line], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, GOPARK_HOLD_LIMIT: '0' },
  });
  let told = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  await once(shell, 'close');
  const numbers = told.split(' ').map(Number);
  if (numbers.length !== 2 || numbers.some(Number.isNaN)) throw new Error(told);
  return numbers;
}

/** Pipelines of the shell with us in the middle: what it costs us, start and end of the process apart. */
export async function benchPipe(mebibytes: number, rounds: number): Promise<void> {
  const bytes = mebibytes << 20;
  const block = Buffer.alloc(1 << 20);
  const sink = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end());
  }).listen(0, '127.0.0.1');
  const source = createServer((socket) => {
    let left = mebibytes;
    const more = () => {
      while (left-- > 0) if (!socket.write(block)) return;
      socket.end();
    };
    socket.on('drain', more).on('error', () => {});
    more();
  }).listen(0, '127.0.0.1');
  await Promise.all([once(sink, 'listening'), once(source, 'listening')]);
  const ports = {
    out: (sink.address() as AddressInfo).port,
    in: (source.address() as AddressInfo).port,
  };
  console.log(`${machine()}\n${mebibytes} MiB through a pipe of the shell and over loopback\n`);
  const results = new Map<string, number[][]>();
  try {
    for (let round = 0; round < rounds; round++) {
      for (const direction of ['out', 'in'] as const) {
        for (const contender of Object.keys(contenders)) {
          const key = `${direction} ${contender}`;
          const runs = results.get(key) ?? [];
          results.set(key, runs);
          runs.push(await runOnce(contender, direction, ports[direction], bytes));
        }
      }
    }
  } finally {
    sink.close();
    source.close();
  }
  const gigabytes = bytes / 1e9;
  const rows = Array.from(results, ([key, runs]) => {
    const [direction, contender] = key.split(' ') as [keyof typeof directions, keyof typeof contenders];
    const cpu = median(runs.map(([seconds]) => seconds!));
    const elapsed = median(runs.map(([, seconds]) => seconds!));
    return [
      directions[direction],
      contenders[contender],
      (cpu / gigabytes).toFixed(2),
      (gigabytes / elapsed).toFixed(2),
    ];
  });
  printTable(['what', 'who', 'CPU s/GB', 'GB/s'], rows);
}
