// Compiles native/*.c into native/build/gopark.node with the machine's C compiler. No node-gyp: Node-API's
// headers come from the npm package node-api-headers, libuv's few calls are declared in native/uv-subset.h.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = `${root}native/`;
const output = `${source}build/gopark.node`;

/** Where Node-API's headers lie, here or beside an installed gopark; null: not installed. */
function headers() {
  try {
    return dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  } catch {
    return null;
  }
}

function isCurrent(files) {
  if (!existsSync(output)) return false;
  const built = statSync(output).mtimeMs;
  return files.every((file) => statSync(source + file).mtimeMs <= built);
}

/** Builds the native part where it can run. Returns why it was not built, or null. */
export function buildNative({ quiet = false, force = false } = {}) {
  if (process.platform !== 'linux') return `no native driver for ${process.platform}`;
  const files = readdirSync(source).filter((name) => /\.[ch]$/.test(name));
  if (!force && isCurrent(files)) return null;
  const include = headers();
  if (include === null) {
    const why = 'the npm package node-api-headers is not installed';
    if (!quiet) console.error(`native: not built, the portable driver will have to do: ${why}`);
    return why;
  }
  const compiler = process.env.CC ?? 'cc';
  const units = files.filter((name) => name.endsWith('.c')).map((name) => source + name);
  const temporary = `${output}.${process.pid}`;
  mkdirSync(`${source}build`, { recursive: true });
  const flags = [
    '-shared',
    '-fPIC',
    '-O2',
    '-g1',
    '-std=gnu11',
    '-fvisibility=hidden',
    '-Wall',
    '-Wextra',
    '-Werror',
  ];
  const result = spawnSync(compiler, [...flags, `-I${include}`, '-o', temporary, ...units], {
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    rmSync(temporary, { force: true });
    const why = result.error ? `${compiler}: ${result.error.message}` : result.stderr.trim();
    const remedy =
      result.error?.code === 'ENOENT'
        ? `there is no C compiler "${compiler}": install one (Debian, Ubuntu: apt-get install gcc libc6-dev) or name one in CC`
        : why;
    if (!quiet) console.error(`native: not built, the portable driver will have to do: ${remedy}`);
    return why;
  }
  // A running process may have the old file mapped: replace it, never write into it.
  renameSync(temporary, output);
  if (!quiet) console.log('native: built native/build/gopark.node');
  return null;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = buildNative({ force: true }) === null ? 0 : 1;
}
