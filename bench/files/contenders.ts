import fsPromises from 'node:fs/promises';
import { go } from 'gopark';
import { open, readFile } from 'gopark/os';

const NEWLINE = 10;
const BLOCK = 32 * 1024;

function countLines(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

/** Runs `bound` functions at a time, as somebody would who has only fs.promises. */
async function bounded(
  paths: readonly string[],
  bound: number,
  each: (path: string) => Promise<number>,
): Promise<number> {
  let next = 0;
  let sum = 0;
  const worker = async () => {
    while (next < paths.length) {
      const count = await each(paths[next++]!);
      sum += count;
    }
  };
  await Promise.all(Array.from({ length: bound }, worker));
  return sum;
}

async function sum(paths: readonly string[], each: (path: string) => Promise<number>): Promise<number> {
  const counts = await Promise.all(paths.map((path) => go(each, path).done));
  return counts.reduce((total, count) => total + count, 0);
}

export interface Contender {
  readonly name: string;
  /** Counts the lines of all files. */
  run(paths: readonly string[], bound: number): Promise<number>;
}

export const contenders: readonly Contender[] = [
  {
    name: 'gopark, a goroutine each: open, read blocks',
    run: (paths) =>
      sum(paths, async (path) => {
        await using file = await open(path);
        const block = new Uint8Array(BLOCK);
        let lines = 0;
        for (let n = await file.read(block); n !== null; n = await file.read(block)) {
          lines += countLines(block.subarray(0, n));
        }
        return lines;
      }),
  },
  {
    name: 'fs.promises, bounded: open, read blocks',
    run: (paths, bound) =>
      bounded(paths, bound, async (path) => {
        const file = await fsPromises.open(path);
        try {
          const block = Buffer.allocUnsafe(BLOCK);
          let lines = 0;
          for (;;) {
            const { bytesRead } = await file.read(block, 0, block.length, null);
            if (bytesRead === 0) return lines;
            lines += countLines(block.subarray(0, bytesRead));
          }
        } finally {
          await file.close();
        }
      }),
  },
  {
    name: 'gopark, a goroutine each: readFile',
    run: (paths) => sum(paths, async (path) => countLines(await readFile(path))),
  },
  {
    name: 'fs.promises, bounded: readFile',
    run: (paths, bound) => bounded(paths, bound, async (path) => countLines(await fsPromises.readFile(path))),
  },
];
