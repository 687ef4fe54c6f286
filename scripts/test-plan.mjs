// Which test files run on which driver.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What no driver has a part in, or what brings its own: run once. Everything else runs on every driver. */
const INDEPENDENT = [
  'bufio/',
  'bytes/',
  'cli/bench/parts',
  'cli/bench/replies',
  'cli/doctor',
  'cli/journal/crash',
  'cli/journal/recovery',
  'cli/journal/slow-disk',
  'cli/market',
  'cli/outbox',
  'cli/protocol',
  'compat/web',
  'debug/open-telemetry',
  'debug/prometheus',
  'docs/',
  'examples/redis/data',
  'examples/redis/parser',
  'io/',
  'linkbuffer/',
  'os/',
  'net/configure',
  'net/host-port',
  'net/pipe',
  'net/race',
  'net/resolver',
  'poll/choice',
  'poll/datagram-interleavings',
  'poll/driver-fake',
  'poll/interleavings',
  'poll/ip-words',
  'poll/native-file',
  'poll/ring',
  'runtime/after',
  'runtime/registry',
  'runtime/timers',
  'runtime/trace',
  'runtime/watchdog',
  'serve/balance/balancer',
  'sync/',
];

/** What depends on what executes file operations: run once more with the ring, where there is one. */
const ON_FILES = ['cli/journal/', 'os/'];

/** In the name of a file: it is about this driver alone. */
const DRIVERS = ['epoll', 'uring', 'portable'];

/** What of the rest runs on uring, too, unless `--driver uring` asks for all: its difference ends at the driver's contract. */
const ON_URING = ['poll/', 'eventloop/', 'net/closing', 'net/unix-peers'];

/** Latency can only be judged by a test that has the machine to itself. */
const ALONE = ['fairness'];

/** The drivers that run here, and why epoll is not among them where that is so. */
export async function availableDrivers() {
  const { decide } = await import('../dist/poll/drivers/choice.js');
  const { findNative } = await import('../dist/poll/drivers/epoll/native.js');
  const { choice } = decide(process.platform, '', findNative);
  if (choice.driver !== 'epoll') {
    return { available: ['portable'], missing: choice.others.filter(({ driver }) => driver === 'epoll') };
  }
  const { choice: asked } = decide(process.platform, 'uring', findNative);
  return asked.driver === 'uring'
    ? { available: ['epoll', 'uring', 'portable'], missing: [] }
    : { available: ['epoll', 'portable'], missing: asked.others.filter(({ driver }) => driver === 'uring') };
}

/** Null, or why there is no ring for files here. */
export async function whyNoFileRing() {
  const ring = await import('../dist/os/ring/ring-lane.js');
  return ring.whyNoFileRing();
}

function testFiles(filters) {
  return readdirSync(`${root}build/test`, { recursive: true })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.test.js') && existsSync(source(name)))
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
    .sort();
}

/** A compiled test whose source is gone is nobody's test any more. */
function source(name) {
  return `${root}test/${name.replace(/\.js$/, '.ts')}`;
}

/**
 * Runs in their order: a driver (null: none in particular), an engine for files (null: the default one), test files,
 * and whether they have the machine to themselves.
 */
export function plan(filters, drivers, only, hasFileRing) {
  const files = testFiles(filters);
  const isAlone = (name) => ALONE.some((part) => name.includes(part));
  const isIndependent = (name) => INDEPENDENT.some((start) => name.startsWith(start));
  const runs = [];
  const add = (driver, names, engine = null) => {
    for (const alone of [false, true]) {
      const some = names.filter((name) => isAlone(name) === alone).map((name) => `build/test/${name}`);
      if (some.length > 0) runs.push({ driver, engine, files: some, alone });
    }
  };
  if (only === null) add(null, files.filter(isIndependent));
  const isOnFiles = (name) => ON_FILES.some((start) => name.startsWith(start));
  if (only === null && hasFileRing) add(null, files.filter(isOnFiles), 'uring');
  for (const driver of drivers) {
    if (only !== null && only !== driver) continue;
    const others = DRIVERS.filter((name) => name !== driver);
    const wanted = (name) =>
      driver !== 'uring' || only === 'uring' || ON_URING.some((start) => name.startsWith(start));
    add(
      driver,
      files.filter(
        (name) => wanted(name) && !isIndependent(name) && !others.some((other) => name.includes(other)),
      ),
    );
  }
  return runs;
}
