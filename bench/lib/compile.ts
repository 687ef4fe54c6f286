import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const headers = fileURLToPath(new URL('bench/lib/', root));

function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const headersChanged = () =>
  readdirSync(headers)
    .filter((name) => name.endsWith('.h'))
    .map((name) => changed(headers + name));

/** Has `build` make build/bench/bin/NAME of bench/SOURCE unless that is there and newer; its path. */
function build(
  source: string,
  name: string,
  newestOthers: readonly number[],
  compilerFor: (input: string, output: string) => { command: readonly string[]; remedy: string },
): string {
  const input = fileURLToPath(new URL(`bench/${source}`, root));
  const bin = fileURLToPath(new URL('build/bench/bin/', root));
  const output = bin + name;
  if (changed(output) > Math.max(changed(input), ...newestOthers)) return output;
  mkdirSync(bin, { recursive: true });
  const { command, remedy } = compilerFor(input, output);
  const [compiler, ...args] = command;
  const result = spawnSync(compiler!, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error !== undefined) {
    throw new Error(
      `${source} has to be compiled, but "${compiler}" does not start (${result.error.message}): ${remedy}`,
    );
  }
  if (result.status !== 0) throw new Error(`${compiler} could not compile bench/${source}`);
  return output;
}

/** Compiles `bench/SOURCE`, a C file, unless that has been done; the program's path. */
export function compile(source: string): string {
  return build(source, basename(source, '.c'), headersChanged(), (input, output) => ({
    command: [process.env.CC ?? 'cc', '-O2', '-std=gnu11', '-Wall', '-Wextra', '-o', output, input],
    remedy: 'install a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev) or name one in CC.',
  }));
}

/** Compiles `bench/SOURCE`, a Go file that imports nothing but the standard library. */
export function compileGo(source: string): string {
  return build(source, `${basename(source, '.go')}-go`, [], (input, output) => ({
    command: ['go', 'build', '-o', output, input],
    remedy: 'install Go, or leave this contender out.',
  }));
}
