import { expect, type Workload } from './workload.ts';

const VALUES = 1000;
const SUM = (VALUES * (VALUES - 1)) / 2;

function handOver(name: string, capacity: number): Workload {
  return {
    name,
    count: VALUES,
    make({ sync, runtime }) {
      return async () => {
        const ch = sync.chan<number>(capacity);
        runtime.go(async () => {
          for (let i = 0; i < VALUES; i++) await ch.send(i);
          ch.close();
        });
        let sum = 0;
        for await (const value of ch) sum += value;
        expect(sum, SUM);
      };
    },
  };
}

export const workloads: readonly Workload[] = [
  handOver('channels: unbuffered, values', 0),
  handOver('channels: room for 64, values', 64),
  {
    name: 'channels: trySend, tryRecv',
    count: VALUES,
    make({ sync }) {
      const ch = sync.chan<number>(16);
      return () => {
        let sum = 0;
        for (let i = 0; i < VALUES; i++) {
          ch.trySend(i);
          sum += ch.tryRecv() as number;
        }
        expect(sum, SUM);
      };
    },
  },
  {
    name: 'channels: select of two',
    count: VALUES,
    make({ sync, runtime }) {
      return async () => {
        const [a, b] = [sync.chan<number>(), sync.chan<number>()];
        runtime.go(async () => {
          for (let i = 0; i < VALUES; i++) await (i % 2 === 0 ? a : b).send(i);
        });
        let sum = 0;
        const add = (value: number | undefined) => {
          sum += value!;
        };
        for (let i = 0; i < VALUES; i++) await sync.select(sync.recv(a, add), sync.recv(b, add));
        expect(sum, SUM);
      };
    },
  },
];
