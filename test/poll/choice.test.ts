import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { platformPackage, thisHost } from '#dist/poll/drivers/native-file.js';
import { Installed, nativeBuild } from './lib/installed.ts';

const linux = process.platform === 'linux' ? false : 'not Linux';
const built = existsSync(nativeBuild) ? false : 'there is no native build';

/** Prints the choice, and moves a byte over loopback by it. */
const PROGRAM = `
import { driverChoice } from './node_modules/gopark/dist/poll/index.js';
import { dial, listen } from 'gopark/net';
const listener = await listen('tcp', '127.0.0.1:0');
const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
await a.write(Uint8Array.of(42));
const p = new Uint8Array(1);
await b.read(p);
await Promise.all([a.close(), b.close(), listener.close()]);
console.log(JSON.stringify({ ...driverChoice(), byte: p[0] }));
`;

const COMPLAINT =
  /^gopark: the portable driver runs, because epoll cannot: (.*) \(what to do: npx gopark doctor\)\n$/;

/** One for all tests that leave nothing behind. */
let shared: Installed | null = null;
after(() => shared?.[Symbol.dispose]());

/** It, without a native part. */
function cleanProject(): Installed {
  shared ??= new Installed();
  shared.removeNative();
  return shared;
}

/** Runs it where the native part is as `prepare` leaves it, and returns the one reason for the portable driver. */
function reasonFor(prepare: (project: Installed) => void, node: string[] = []): string {
  const project = cleanProject();
  prepare(project);
  const { status, signal, stdout, stderr } = project.run(PROGRAM, { node });
  assert.deepEqual([status, signal], [0, null], stderr);
  const choice = JSON.parse(stdout);
  assert.equal(choice.driver, 'portable');
  assert.equal(choice.byte, 42);
  const reason = COMPLAINT.exec(stderr)?.[1];
  assert.ok(reason !== undefined, `one line that says why, got ${JSON.stringify(stderr)}`);
  assert.equal(choice.others[0].why, reason);
  return reason.replaceAll(project.folder, '').replaceAll(`/private${project.folder}`, '');
}

describe('choice of the driver: without asking', { skip: linux }, () => {
  test('no native part anywhere: portable, with one line that says so', () => {
    const name = platformPackage(thisHost());
    assert.equal(
      reasonFor(() => {}),
      `/node_modules/gopark/native/build/gopark.node does not exist; ${name} is not installed`,
    );
  });

  const original = built === false ? readFileSync(nativeBuild) : Buffer.alloc(0);
  const damaged: Record<string, [bytes: () => Uint8Array, reason: RegExp]> = {
    'an empty file': [() => new Uint8Array(0), /the file is empty/],
    'a text file': [() => Buffer.from('404 not found\n'), /not an ELF file/],
    'half a file': [() => original.subarray(0, original.length >> 1), /the file is truncated/],
    'a page of a file': [() => original.subarray(0, 4096), /the file is truncated/],
    'a file for another architecture': [
      () => {
        const copy = Buffer.from(original);
        copy.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18);
        return copy;
      },
      /built for (arm64|x64), this Node is/,
    ],
    'a file for another C library': [
      () => {
        const copy = Buffer.from(original);
        copy[copy.indexOf('libc.so.6\0') + 7] = 0;
        return copy;
      },
      /built for musl, this Node runs on glibc/,
    ],
  };
  for (const [title, [bytes, expected]] of Object.entries(damaged)) {
    test(`${title}: portable, no crash`, { skip: built }, () => {
      assert.match(
        reasonFor((project) => project.setLocalBuild(bytes())),
        expected,
      );
    });
  }

  test('a folder in its place', () => {
    const reason = reasonFor((project) =>
      mkdirSync(join(project.own, 'native/build/gopark.node'), { recursive: true }),
    );
    assert.match(reason, /gopark\.node: EISDIR/);
  });

  test('a library that is no addon, and an addon that is not ours', { skip: built }, () => {
    const compile = (source: string) => {
      const [from, to] = [join(cleanProject().folder, 'a.c'), join(cleanProject().folder, 'a.node')];
      writeFileSync(from, source);
      const { status, stderr } = spawnSync(process.env.CC ?? 'cc', ['-shared', '-fPIC', '-o', to, from], {
        encoding: 'utf8',
      });
      assert.equal(status, 0, stderr);
      return readFileSync(to);
    };
    const library = compile('int nothing(void) { return 1; }');
    assert.match(
      reasonFor((project) => project.setLocalBuild(library)),
      /did not self-register/,
    );
    const stranger = compile('void *napi_register_module_v1(void *env, void *exports) { return exports; }');
    assert.match(
      reasonFor((project) => project.setLocalBuild(stranger)),
      /is no native part of gopark/,
    );
  });

  test('another layout of the shared memory', { skip: built }, () => {
    const layout = join(cleanProject().own, 'dist/poll/drivers/epoll/layout.js');
    const text = readFileSync(layout, 'utf8');
    const changed = text.replace(/LAYOUT_VERSION = \d+/, 'LAYOUT_VERSION = 9999');
    assert.notEqual(changed, text);
    writeFileSync(layout, changed);
    try {
      const reason = reasonFor((project) => project.setLocalBuild(original));
      assert.match(reason, /was built for another version of gopark \(layout \d+, not 9999\)/);
    } finally {
      writeFileSync(layout, text);
    }
  });

  test('a Node that was told to load no addons', { skip: built }, () => {
    const reason = reasonFor((project) => project.setLocalBuild(original), ['--no-addons']);
    assert.match(reason, /gopark\.node: .*(disabled|no-addons)/i);
  });

  test('never from the working directory', { skip: built }, () => {
    const project = cleanProject();
    using elsewhere = new Installed();
    elsewhere.setLocalBuild(original);
    mkdirSync(join(elsewhere.folder, 'native/build'), { recursive: true });
    writeFileSync(join(elsewhere.folder, 'native/build/gopark.node'), original);
    const { stdout, stderr } = project.run(PROGRAM, { cwd: elsewhere.own });
    assert.equal(JSON.parse(stdout).driver, 'portable', stderr);
  });

  test('once a process, also when every worker chooses for itself', () => {
    const project = cleanProject();
    const { status, stdout, stderr } = project.run(`
      import { Worker, isMainThread } from 'node:worker_threads';
      import { listen } from 'gopark/net';
      const listen1 = async () => (await listen('tcp', '127.0.0.1:0')).close();
      if (isMainThread) {
        const workers = [1, 2, 3].map(() => new Worker(new URL(import.meta.url)));
        await Promise.all(workers.map((worker) => new Promise((resolve, reject) => {
          worker.on('exit', resolve).on('error', reject);
        })));
        await listen1();
      } else await listen1();
    `);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, COMPLAINT);
  });
});

describe('choice of the driver: where the native part comes from', { skip: linux || built }, () => {
  test('a local build', () => {
    const project = cleanProject();
    project.setLocalBuild(readFileSync(nativeBuild));
    const { stdout, stderr } = project.run(PROGRAM);
    assert.equal(stderr, '');
    const choice = JSON.parse(stdout);
    assert.equal(choice.driver, 'epoll');
    assert.equal(choice.byte, 42);
  });

  test('the package for this platform, as npm packs and installs it; also behind a damaged local build', async () => {
    using project = new Installed();
    const script = new URL('../../../scripts/pack-native.mjs', import.meta.url);
    const { packNative } = (await import(script.href)) as { packNative(folder: string): Promise<string> };
    const folder = join(project.folder, 'packed');
    const name = await packNative(folder);
    assert.equal(name, platformPackage(thisHost()));
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    assert.deepEqual(
      [manifest.name, manifest.os, manifest.cpu, manifest.libc],
      [name, ['linux'], [process.arch], [thisHost().libc]],
    );
    const npm = (...args: string[]) => {
      const ended = spawnSync('npm', [...args, '--offline', '--no-audit', '--no-fund', '--ignore-scripts'], {
        cwd: project.folder,
        encoding: 'utf8',
        timeout: 60_000,
      });
      assert.equal(ended.status, 0, ended.stderr);
      return ended.stdout;
    };
    const tarball = npm('pack', folder, '--silent').trim();
    // Into a project of its own: npm would clear away the copy of gopark that it does not know.
    writeFileSync(join(project.folder, 'package.json'), '{ "private": true }');
    const target = join(project.folder, 'installed');
    mkdirSync(target);
    npm('install', '--prefix', target, join(project.folder, tarball));
    project.link(name, join(target, 'node_modules', name));

    const choice = JSON.parse(project.run(PROGRAM).stdout);
    assert.equal(choice.driver, 'epoll');
    assert.match(choice.nativeFile, new RegExp(`${name}/gopark\\.node$`));

    project.setLocalBuild(Buffer.from('damaged'));
    const second = project.run(PROGRAM);
    assert.equal(second.stderr, '');
    assert.equal(JSON.parse(second.stdout).driver, 'epoll');
  });
});

describe('choice of the driver: GOPARK_DRIVER', () => {
  const failure = `
    import { listen } from 'gopark/net';
    await listen('tcp', '127.0.0.1:0').catch((error) => console.log(error.name, error.code, error.message));
  `;

  test('portable: without a complaint, and without native code', () => {
    const project = cleanProject();
    if (built === false) project.setLocalBuild(readFileSync(nativeBuild));
    const { stdout, stderr } = project.run(PROGRAM, { env: { GOPARK_DRIVER: 'portable' } });
    assert.equal(stderr, '');
    assert.equal(JSON.parse(stdout).driver, 'portable');
  });

  test('epoll, where it cannot run: an error that says why', () => {
    const project = cleanProject();
    const { stdout, stderr } = project.run(failure, { env: { GOPARK_DRIVER: 'epoll' } });
    assert.equal(stderr, '');
    assert.match(stdout, /^DriverError ERR_DRIVER GOPARK_DRIVER=epoll: epoll cannot run here: .+/);
  });

  test('uring, where there is no native part: portable, with one line', { skip: linux }, () => {
    const { stdout, stderr } = cleanProject().run(PROGRAM, { env: { GOPARK_DRIVER: 'uring' } });
    assert.match(stderr, COMPLAINT);
    assert.deepEqual(
      JSON.parse(stdout).others.map(({ driver }: { driver: string }) => driver),
      ['epoll', 'uring'],
    );
  });

  test('others there never will be', () => {
    const project = cleanProject();
    assert.equal(
      project.run(failure, { env: { GOPARK_DRIVER: 'kqueue' } }).stdout,
      'DriverError ERR_DRIVER GOPARK_DRIVER="kqueue": no such driver; there are epoll, uring and portable\n',
    );
  });
});
