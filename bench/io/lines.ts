// Who splits a stream of 64-byte lines how fast: per line, from memory, on one core.
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { Reader as BufferedReader, Scanner } from 'gopark/bufio';
import split2 from 'split2';

const lineLength = 64;
const chunkSize = 64 * 1024;

export const lines = 1 << 20;
const chunk = new Uint8Array(chunkSize).fill(0x61);
for (let i = lineLength - 1; i < chunkSize; i += lineLength) chunk[i] = 0x0a;
const chunks = (lines * lineLength) / chunkSize;

/** The same chunk over and over, by reads as large as the reader wants. */
class Source {
  left = lines * lineLength;
  async read(p: Uint8Array): Promise<number | null> {
    if (this.left === 0) return null;
    const n = Math.min(p.length, this.left);
    const at = (lines * lineLength - this.left) % lineLength;
    if (at === 0 && n <= chunkSize) p.set(n === chunkSize ? chunk : chunk.subarray(0, n));
    else for (let i = 0; i < n; i++) p[i] = chunk[(at + i) % lineLength]!;
    this.left -= n;
    return n;
  }
}

const scanner = () => new Scanner(new Source()).buffer(chunkSize, chunkSize);

function* nodeChunks(): Generator<Buffer> {
  for (let i = 0; i < chunks; i++) yield Buffer.from(chunk.buffer);
}

export const lineContenders: [name: string, run: () => Promise<number>][] = [
  [
    'hand-written loop, Uint8Array.indexOf',
    async () => {
      let count = 0;
      for (let i = 0; i < chunks; i++) {
        for (let at = 0, end = chunk.indexOf(10, at); end >= 0; at = end + 1, end = chunk.indexOf(10, at))
          count++;
      }
      return count;
    },
  ],
  [
    'hand-written loop, Buffer.indexOf',
    async () => {
      const buffer = Buffer.from(chunk.buffer);
      let count = 0;
      for (let i = 0; i < chunks; i++) {
        for (let at = 0, end = buffer.indexOf(10, at); end >= 0; at = end + 1, end = buffer.indexOf(10, at))
          count++;
      }
      return count;
    },
  ],
  [
    'await of a resolved promise, nothing else',
    async () => {
      const known = Promise.resolve(true);
      let count = 0;
      while (count < lines) if (await known) count++;
      return count;
    },
  ],
  [
    'Scanner: tryScan()',
    async () => {
      const s = scanner();
      let count = 0;
      while (s.tryScan() ?? (await s.scan())) count++;
      return count;
    },
  ],
  [
    'Scanner: tryScan() + bytes()',
    async () => {
      const s = scanner();
      let count = 0;
      while (s.tryScan() ?? (await s.scan())) count += s.bytes().length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'Scanner: await scan() + bytes()',
    async () => {
      const s = scanner();
      let count = 0;
      while (await s.scan()) count += s.bytes().length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'Scanner: await scan() + text()',
    async () => {
      const s = scanner();
      let count = 0;
      while (await s.scan()) count += s.text().length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'Scanner: for await, text',
    async () => {
      let count = 0;
      for await (const line of scanner()) count += line.length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'Scanner: for await, views',
    async () => {
      let count = 0;
      for await (const line of scanner().views()) count += line.length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'Reader: tryReadSlice() ?? await readSlice()',
    async () => {
      const r = new BufferedReader(new Source(), chunkSize);
      let count = 0;
      while ((r.tryReadSlice(10) ?? (await r.readSlice(10))) !== null) count++;
      return count;
    },
  ],
  [
    'Reader: await readString()',
    async () => {
      const r = new BufferedReader(new Source(), chunkSize);
      let count = 0;
      while ((await r.readString(10)) !== null) count++;
      return count;
    },
  ],
  [
    'node:readline, for await',
    async () => {
      let count = 0;
      for await (const line of createInterface({ input: Readable.from(nodeChunks()) })) {
        count += line.length > 0 ? 1 : 0;
      }
      return count;
    },
  ],
  [
    "node:readline, 'line' events",
    () =>
      new Promise((resolve) => {
        let count = 0;
        createInterface({ input: Readable.from(nodeChunks()) })
          .on('line', (line) => {
            count += line.length > 0 ? 1 : 0;
          })
          .on('close', () => resolve(count));
      }),
  ],
  [
    'split2 (npm), for await',
    async () => {
      let count = 0;
      for await (const line of Readable.from(nodeChunks()).pipe(split2())) count += line.length > 0 ? 1 : 0;
      return count;
    },
  ],
  [
    'split2 (npm), data events',
    () =>
      new Promise((resolve) => {
        let count = 0;
        Readable.from(nodeChunks())
          .pipe(split2())
          .on('data', (line: string) => {
            count += line.length > 0 ? 1 : 0;
          })
          .on('end', () => resolve(count));
      }),
  ],
  [
    'web streams: TextDecoderStream + split',
    async () => {
      let left = chunks;
      const source = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- === 0) controller.close();
          else controller.enqueue(chunk);
        },
      });
      let rest = '';
      const splitter = new TransformStream<string, string>({
        transform(text, controller) {
          const parts = (rest + text).split('\n');
          rest = parts.pop()!;
          for (const part of parts) controller.enqueue(part);
        },
        flush(controller) {
          if (rest !== '') controller.enqueue(rest);
        },
      });
      let count = 0;
      for await (const line of source.pipeThrough(new TextDecoderStream()).pipeThrough(splitter)) {
        count += line.length > 0 ? 1 : 0;
      }
      return count;
    },
  ],
];
