import { expect, type Workload } from './workload.ts';

const MESSAGES = 1000;

export const workloads: readonly Workload[] = [
  {
    name: 'linkbuffer: malloc, flush, next, release of 64 B',
    count: MESSAGES,
    make({ linkbuffer }) {
      const buffer = new linkbuffer.LinkBuffer();
      return () => {
        let sum = 0;
        for (let i = 0; i < MESSAGES; i++) {
          buffer.malloc(64)[63] = 1;
          buffer.flush();
          sum += buffer.tryNext(64)![63]!;
          buffer.release();
        }
        expect(sum, MESSAGES);
      };
    },
  },
  {
    name: 'linkbuffer: lines out of 64 KiB',
    count: 2048,
    make({ linkbuffer }) {
      const lines = Buffer.from(`${'x'.repeat(31)}\n`.repeat(2048));
      const buffer = new linkbuffer.LinkBuffer();
      return () => {
        buffer.writeBinary(lines);
        buffer.flush();
        let found = 0;
        while (buffer.len > 0 && buffer.tryUntil('\n')) found++;
        buffer.release();
        expect(found, 2048);
      };
    },
  },
  {
    name: 'linkbuffer: slices of 16 KiB passed on',
    count: 100,
    make({ linkbuffer }) {
      const [from, to] = [new linkbuffer.LinkBuffer(), new linkbuffer.LinkBuffer()];
      const block = new Uint8Array(16 * 1024);
      return () => {
        for (let i = 0; i < 100; i++) {
          from.writeBinary(block);
          from.flush();
          to.append(from.trySlice(block.length)!);
          from.release();
          to.flush();
          to.trySkip(block.length);
          to.release();
        }
        expect(to.len, 0);
      };
    },
  },
];
