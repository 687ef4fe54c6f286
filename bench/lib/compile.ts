import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const headers = fileURLToPath(new URL('bench/lib/', root));
const goModule = 'peers/go';

/** A program that cannot be had here: a compiler or a package is missing. */
export class MissingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MissingError';
  }
}

function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function changedUnder(folder: string, matches: (name: string) => boolean): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(matches);
  return Math.max(0, ...names.map((name) => changed(`${folder}/${name}`)));
}

interface Compiler {
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly remedy: string;
}

/** Has a compiler make build/bench/bin/NAME of SOURCE unless that is there and newer than `newest`; its path. */
function build(
  source: string,
  name: string,
  newest: number,
  compilerFor: (output: string) => Compiler,
): string {
  const bin = fileURLToPath(new URL('build/bench/bin/', root));
  const output = bin + name;
  if (changed(output) > newest) return output;
  mkdirSync(bin, { recursive: true });
  const { command, cwd, remedy } = compilerFor(output);
  const [compiler, ...args] = command;
  const result = spawnSync(compiler!, args, { stdio: ['ignore', 'inherit', 'inherit'], cwd });
  if (result.error !== undefined) {
    throw new MissingError(
      `${source} has to be compiled, but "${compiler}" does not start (${result.error.message}): ${remedy}`,
    );
  }
  if (result.status !== 0) throw new MissingError(`${compiler} could not compile bench/${source}`);
  return output;
}

const cRemedy = 'install a C compiler (Debian, Ubuntu: apt-get install gcc libc6-dev) or name one in CC.';

/** Compiles `bench/SOURCE`, a C file, unless that has been done; the program's path. */
export function compile(source: string): string {
  return compileC(source, basename(source, '.c'), []);
}

/** The same for one that Node is to load. */
export function compileAddon(source: string): string {
  const include = dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  return compileC(source, `${basename(source, '.c')}.node`, ['-shared', '-fPIC', `-I${include}`]);
}

function compileC(source: string, name: string, more: readonly string[]): string {
  const input = fileURLToPath(new URL(`bench/${source}`, root));
  const newest = Math.max(
    changed(input),
    changedUnder(headers, (name) => name.endsWith('.h')),
  );
  const options = ['-O2', '-std=gnu11', '-Wall', '-Wextra', '-pthread', ...more];
  return build(source, name, newest, (output) => ({
    command: [process.env.CC ?? 'cc', ...options, '-o', output, input],
    remedy: cRemedy,
  }));
}

/** Compiles `bench/SOURCE`, a Go file that imports nothing but the standard library. */
export function compileGo(source: string): string {
  const input = fileURLToPath(new URL(`bench/${source}`, root));
  return build(source, `${basename(source, '.go')}-go`, changed(input), (output) => ({
    command: ['go', 'build', '-o', output, input],
    remedy: 'install Go, or leave this contender out.',
  }));
}

/**
 * Compiles a program of the Go module in bench/peers/go. The first time, go loads the modules that it imports, as
 * go.mod and go.sum pin them.
 */
export function compileGoPeer(name: string): string {
  const module = fileURLToPath(new URL(`bench/${goModule}`, root));
  const newest = changedUnder(module, (path) => /\.go$|^go\.(?:mod|sum)$/.test(path));
  return build(`${goModule}/${name}`, `${name}-go-peer`, newest, (output) => ({
    command: ['go', 'build', '-o', output, `./${name}`],
    cwd: module,
    remedy: 'install Go (https://go.dev/dl), or leave this contender out.',
  }));
}

/** A program in C, or what stands in for it where there is no compiler: a module of ours, run by Node. */
export function compileOr(source: string, standIn: string): readonly string[] {
  try {
    return [compile(source)];
  } catch (error) {
    if (!(error instanceof MissingError)) throw error;
    return [process.execPath, fileURLToPath(new URL(`build/bench/${standIn}.js`, root))];
  }
}
