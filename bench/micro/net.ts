import type { Gopark } from './gopark.ts';
import { expect, type Workload } from './workload.ts';

/** Round trips of 64 B on so many connections at once; both ends are here. */
function echo(connections: number, rounds: number): Workload {
  return {
    name: `net: round trips of 64 B on ${connections} connection${connections === 1 ? '' : 's'}`,
    count: connections * rounds,
    async make({ net, io }: Gopark) {
      const listener = await net.listen('tcp', '127.0.0.1:0');
      listener
        .serve(async (conn) => {
          const p = new Uint8Array(64);
          for (let n = await conn.read(p); n !== null; n = await conn.read(p)) {
            await conn.write(p.subarray(0, n));
          }
        })
        .catch(() => {});
      const conns = await Promise.all(
        Array.from({ length: connections }, () => net.dial('tcp', String(listener.addr))),
      );
      const buffers = conns.map(() => new Uint8Array(64));
      return async () => {
        const ask = async (i: number) => {
          let count = 0;
          for (; count < rounds; count++) {
            await conns[i]!.write(buffers[i]!);
            await io.readFull(conns[i]!, buffers[i]!);
          }
          return count;
        };
        const counts = await Promise.all(conns.map((_, i) => ask(i)));
        expect(
          counts.reduce((sum, count) => sum + count),
          connections * rounds,
        );
      };
    },
  };
}

export const workloads: readonly Workload[] = [echo(1, 100), echo(50, 10)];
