import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MissingError } from './compile.ts';

/** Runtimes that npm has as packages. */
export const npmPeers = { bun: '1.4.5', deno: '2.9.6' } as const;

export type NpmPeer = keyof typeof npmPeers;

/** They are no dependencies of the project: they are installed here, each in a folder of its own, when first asked for. */
const folder = fileURLToPath(new URL('../../../build/bench-peers/', import.meta.url));

function versionIn(home: string, name: NpmPeer): string | null {
  const manifest = `${home}node_modules/${name}/package.json`;
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : null;
}

function runs(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** The program's path, after an installation if need be. */
export function npmPeer(name: NpmPeer): string {
  const version = npmPeers[name];
  const home = `${folder}${name}/`;
  const program = `${home}node_modules/.bin/${name}`;
  if (versionIn(home, name) === version && runs(program)) return program;
  console.error(`installing ${name} ${version} from npm into build/bench-peers`);
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}package.json`, '{ "private": true }\n');
  const options = ['--no-audit', '--no-fund', '--loglevel=error', '--prefix', home];
  const result = spawnSync('npm', ['install', ...options, '--save-exact', `${name}@${version}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    cwd: home,
  });
  if (result.error !== undefined) throw new MissingError(`npm does not start: ${result.error.message}`);
  if (result.status !== 0) {
    const why = result.stderr.split('\n').find((line) => line.includes('error')) ?? 'npm install failed';
    throw new MissingError(`${name} could not be installed: ${why.trim()}`);
  }
  if (!runs(program)) throw new MissingError(`${name} ${version} does not run on this machine`);
  return program;
}
