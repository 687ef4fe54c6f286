import { expect, type Workload } from './workload.ts';

const LINES = 2000;
const text = Buffer.from(
  Array.from({ length: LINES }, (_, i) => `${i} ${'word '.repeat(i % 12)}\n`).join(''),
);

export const workloads: readonly Workload[] = [
  {
    name: 'bufio: Scanner, lines',
    count: LINES,
    make({ bufio, bytes }) {
      return async () => {
        const scanner = new bufio.Scanner(new bytes.Reader(text));
        let lines = 0;
        while (scanner.tryScan() ?? (await scanner.scan())) lines++;
        expect(lines, LINES);
      };
    },
  },
  {
    name: 'bufio: Scanner, lines, each awaited',
    count: LINES,
    make({ bufio, bytes }) {
      return async () => {
        const scanner = new bufio.Scanner(new bytes.Reader(text));
        let lines = 0;
        while (await scanner.scan()) lines++;
        expect(lines, LINES);
      };
    },
  },
  {
    name: 'bufio: Reader.readSlice, lines',
    count: LINES,
    make({ bufio, bytes }) {
      return async () => {
        const reader = new bufio.Reader(new bytes.Reader(text));
        let bytesRead = 0;
        for (;;) {
          const line = reader.tryReadSlice(10) ?? (await reader.readSlice(10));
          if (line === null) break;
          bytesRead += line.length;
        }
        expect(bytesRead, text.length);
      };
    },
  },
  {
    name: 'bufio: Writer, messages of 40 B',
    count: LINES,
    make({ bufio, io }) {
      const message = new Uint8Array(40);
      return async () => {
        const writer = new bufio.Writer(io.discard);
        for (let i = 0; i < LINES; i++) await writer.write(message);
        await writer.flush();
        expect(writer.buffered, 0);
      };
    },
  },
];
