// How fast bytes get from a source to a destination through a buffer of 64 KiB, with no fast path on either side.
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { copyBuffer, type Reader, type Writer } from 'gopark/io';

const chunkSize = 64 * 1024;
export const totalBytes = 4 * 1024 ** 3;
const rounds = totalBytes / chunkSize;
const data = new Uint8Array(chunkSize).fill(1);

/** Fills `p` and says so; `copies` decides whether the bytes really move. */
class Source implements Reader {
  left = rounds;
  readonly copies: boolean;
  constructor(copies: boolean) {
    this.copies = copies;
  }
  read(p: Uint8Array): Promise<number | null> {
    if (this.left-- === 0) return Promise.resolve(null);
    if (this.copies) p.set(data);
    return Promise.resolve(p.length);
  }
}

class Sink implements Writer {
  count = 0;
  write(p: Uint8Array): Promise<number> {
    this.count += p.length;
    return Promise.resolve(p.length);
  }
}

async function gopark(copies: boolean): Promise<number> {
  const sink = new Sink();
  await copyBuffer(sink, new Source(copies), new Uint8Array(chunkSize));
  return sink.count;
}

export const copyContenders: [name: string, run: () => Promise<number>][] = [
  ['copyBuffer, the source fills the buffer', () => gopark(true)],
  ['copyBuffer, the source only counts', () => gopark(false)],
  [
    'node pipeline, fresh copies',
    async () => {
      let count = 0;
      let left = rounds;
      const source = new Readable({
        highWaterMark: chunkSize,
        read() {
          this.push(left-- === 0 ? null : Buffer.from(data));
        },
      });
      const sink = new Writable({
        highWaterMark: chunkSize,
        write(chunk: Buffer, _encoding, done) {
          count += chunk.length;
          done();
        },
      });
      await pipeline(source, sink);
      return count;
    },
  ],
  [
    'node pipeline, one shared chunk',
    async () => {
      let count = 0;
      let left = rounds;
      const shared = Buffer.from(data.buffer);
      const source = new Readable({
        highWaterMark: chunkSize,
        read() {
          this.push(left-- === 0 ? null : shared);
        },
      });
      const sink = new Writable({
        highWaterMark: chunkSize,
        write(chunk: Buffer, _encoding, done) {
          count += chunk.length;
          done();
        },
      });
      await pipeline(source, sink);
      return count;
    },
  ],
  [
    'web streams pipeTo, one shared chunk',
    async () => {
      let count = 0;
      let left = rounds;
      const source = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- === 0) controller.close();
          else controller.enqueue(data);
        },
      });
      const sink = new WritableStream<Uint8Array>({
        write(chunk) {
          count += chunk.length;
        },
      });
      await source.pipeTo(sink);
      return count;
    },
  ],
];
