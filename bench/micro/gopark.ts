import { pathToFileURL } from 'node:url';

/** What is measured: the packages of one gopark, this one's or that of another commit. */
export interface Gopark {
  readonly bufio: typeof import('gopark/bufio');
  readonly bytes: typeof import('gopark/bytes');
  readonly io: typeof import('gopark/io');
  readonly linkbuffer: typeof import('gopark/linkbuffer');
  readonly net: typeof import('gopark/net');
  readonly runtime: typeof import('gopark/runtime');
  readonly sync: typeof import('gopark/sync');
}

const packages = ['bufio', 'bytes', 'io', 'linkbuffer', 'net', 'runtime', 'sync'];

/** Loads those under `root`, a folder with a built `dist`. */
export async function load(root: string): Promise<Gopark> {
  const entries = packages.map(async (name) => {
    const file = pathToFileURL(`${root}/dist/${name}/index.js`).href;
    return [name, await import(file)] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as unknown as Gopark;
}
