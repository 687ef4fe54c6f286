import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const headers = fileURLToPath(new URL('bench/lib/', root));

function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Compiles `bench/SOURCE`, a C file, into build/bench/bin unless it is there and newer; its path. */
export function compile(source: string): string {
  const input = fileURLToPath(new URL(`bench/${source}`, root));
  const bin = fileURLToPath(new URL('build/bench/bin/', root));
  const output = `${bin}${basename(source, '.c')}`;
  const headerFiles = readdirSync(headers).filter((name) => name.endsWith('.h'));
  const newest = Math.max(changed(input), ...headerFiles.map((name) => changed(headers + name)));
  if (changed(output) > newest) return output;
  mkdirSync(bin, { recursive: true });
  const compiler = process.env.CC ?? 'cc';
  const result = spawnSync(compiler, ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', output, input], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (result.error !== undefined) {
    throw new Error(
      `${source} is compiled by the machine's C compiler, but "${compiler}" does not start ` +
        `(${result.error.message}): install one (Debian, Ubuntu: apt-get install gcc libc6-dev) or name one in CC.`,
    );
  }
  if (result.status !== 0) throw new Error(`${compiler} could not compile bench/${source}`);
  return output;
}
