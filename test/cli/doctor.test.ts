import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { groupLimits } from '#dist/cli/doctor/cgroup.js';
import { kernelFeatures } from '#dist/cli/doctor/features.js';
import { systemLimits } from '#dist/cli/doctor/limits.js';
import { printed } from '#dist/cli/doctor/print.js';
import { makeReport } from '#dist/cli/doctor/report.js';
import { isAtLeast, type System } from '#dist/cli/doctor/system.js';
import type { DriverChoice } from '#dist/poll/index.js';

const MIB = 1024 * 1024;

/** A machine that somebody made up: its files, and what else differs from a large Linux server. */
function machine(files: Record<string, string | Uint8Array>, other: Partial<System> = {}): System {
  return {
    platform: 'linux',
    arch: 'x64',
    release: '6.1.0-13-amd64',
    nodeVersion: 'v22.11.0',
    processors: 8,
    heapLimit: 4096 * MIB,
    env: {},
    readBytes: (path) => {
      const content = files[path];
      return content === undefined ? null : Buffer.from(content);
    },
    userLimits: () => ({}),
    ...other,
  };
}

const limitsFile = (
  files: string,
  processes = '90000',
) => `Limit                     Soft Limit           Hard Limit           Units
Max open files            ${files} files
Max processes             ${processes}                ${processes}                processes
Max locked memory         8388608              unlimited            bytes
`;

const generous = {
  '/proc/self/limits': limitsFile('1048576   1048576'),
  '/proc/sys/net/core/somaxconn': '4096\n',
  '/proc/sys/net/ipv4/tcp_max_syn_backlog': '4096\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
};

const running: DriverChoice = {
  driver: 'epoll',
  why: 'its native part is there',
  nativeFile: '/somewhere/gopark.node',
  degraded: false,
  others: [{ driver: 'portable', why: 'epoll can run' }],
};
const manifest = { version: '1.2.3', engines: { node: '>=20.19' } };

const limit = (system: System, name: string) => {
  const found = systemLimits(system).find((one) => one.name === name);
  assert.ok(found !== undefined, name);
  return found;
};

describe('doctor: limits', () => {
  test('a generous machine gets no advice', () => {
    const report = makeReport(machine(generous), manifest, running, null);
    assert.deepEqual([report.advice, report.problems], [[], []]);
    assert.match(printed(report), /Nothing prevents gopark from running\.$/);
  });

  test('descriptors: soft and hard, what to type where they are too few', () => {
    const tight = machine({ ...generous, '/proc/self/limits': limitsFile('1024   4096') });
    const found = limit(tight, 'descriptors');
    assert.deepEqual([found.value, found.hard], [1024, 4096]);
    for (const way of [/ulimit -n 65536/, /LimitNOFILE=65536/, /--ulimit nofile=65536/])
      assert.match(found.advice ?? '', way);
    const endless = machine({ '/proc/self/limits': limitsFile('unlimited   unlimited') });
    assert.deepEqual(
      [limit(endless, 'descriptors').value, limit(endless, 'descriptors').advice],
      ['unlimited', null],
    );
  });

  test('backlogs and local ports', () => {
    const tight = machine({
      ...generous,
      '/proc/sys/net/core/somaxconn': '128\n',
      '/proc/sys/net/ipv4/tcp_max_syn_backlog': '256\n',
      '/proc/sys/net/ipv4/ip_local_port_range': '60000\t61000\n',
    });
    assert.match(limit(tight, 'backlog').advice ?? '', /sysctl -w net\.core\.somaxconn=4096/);
    assert.match(limit(tight, 'SYN backlog').advice ?? '', /sysctl -w net\.ipv4\.tcp_max_syn_backlog=4096/);
    assert.equal(limit(tight, 'local ports').value, 1001);
    assert.match(limit(tight, 'local ports').advice ?? '', /ip_local_port_range="15000 64999"/);
  });

  test('threads: the least of user, group and machine', () => {
    const files = {
      '/proc/self/limits': limitsFile('9999 9999', '5000'),
      '/proc/sys/kernel/threads-max': '100000',
      '/proc/self/cgroup': '0::/',
      '/sys/fs/cgroup/pids.max': '64\n',
    };
    assert.equal(limit(machine(files), 'threads').value, 64);
    assert.match(limit(machine(files), 'threads').advice ?? '', /TasksMax/);
    assert.equal(limit(machine({ ...files, '/sys/fs/cgroup/pids.max': 'max\n' }), 'threads').value, 5000);
  });

  test('the thread pool, as libuv reads its variable', () => {
    const sizes: [string | undefined, number, boolean][] = [
      [undefined, 4, false],
      ['16', 16, false],
      ['2', 2, true],
      ['5000', 1024, false],
      ['many', 1, true],
    ];
    for (const [set, value, low] of sizes) {
      const found = limit(machine(generous, { env: { UV_THREADPOOL_SIZE: set } }), 'thread pool');
      assert.deepEqual([found.value, found.advice !== null], [value, low], String(set));
    }
  });

  test('a heap that may outgrow its control group', () => {
    const files = {
      ...generous,
      '/proc/self/cgroup': '0::/a',
      '/sys/fs/cgroup/a/memory.max': String(512 * MIB),
    };
    assert.match(limit(machine(files), 'memory').advice ?? '', /--max-old-space-size=358/);
    assert.equal(limit(machine(files, { heapLimit: 256 * MIB }), 'memory').advice, null);
  });

  test('without /proc: unknown here, or what Node reports', () => {
    const windows = machine({}, { platform: 'win32' });
    assert.equal(limit(windows, 'descriptors').value, null);
    assert.equal(limit(windows, 'memory').value, null);
    assert.match(printed(makeReport(windows, manifest, running, null)), /descriptors +unknown here/);
    const mac = machine(
      {},
      { platform: 'darwin', userLimits: () => ({ open_files: { soft: 256, hard: 'unlimited' } }) },
    );
    assert.deepEqual([limit(mac, 'descriptors').value, limit(mac, 'descriptors').hard], [256, 'unlimited']);
    assert.ok(limit(mac, 'descriptors').advice !== null);
  });
});

describe('doctor: control groups', () => {
  test('version 2: the tightest on the way up counts', () => {
    const system = machine({
      '/proc/self/cgroup': '0::/system.slice/gateway.service\n',
      '/sys/fs/cgroup/system.slice/cpu.max': '150000 100000\n',
      '/sys/fs/cgroup/system.slice/gateway.service/cpu.max': 'max 100000\n',
      '/sys/fs/cgroup/system.slice/memory.max': 'max\n',
      '/sys/fs/cgroup/system.slice/gateway.service/memory.max': '1073741824\n',
    });
    assert.deepEqual(groupLimits(system), { processors: 1.5, memory: 1024 * MIB, tasks: null });
    assert.deepEqual([limit(system, 'processors').value, limit(system, 'processors').advice], [1.5, null]);
  });

  test('version 1, in a container that cannot see the outer path', () => {
    const system = machine({
      '/proc/self/cgroup': '4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      '/sys/fs/cgroup/pids/pids.max': 'max\n',
    });
    assert.deepEqual(groupLimits(system), { processors: 0.5, memory: null, tasks: null });
    assert.match(limit(system, 'processors').advice ?? '', /--cpus 1/);
  });

  test('a quota of -1 is none', () => {
    const files = {
      '/proc/self/cgroup': '3:cpu:/\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
      '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
    };
    assert.equal(groupLimits(machine(files)).processors, null);
  });
});

describe('doctor: the kernel', () => {
  const uring = (files: Record<string, string | Uint8Array>, release = '6.8.0') => {
    const feature = kernelFeatures(machine(files, { release })).find(({ name }) => name === 'io_uring')!;
    return `${feature.state} ${feature.detail}`;
  };
  const disabled = '/proc/sys/kernel/io_uring_disabled';

  test('io_uring: version, build, switch, filter', () => {
    assert.match(uring({}, '4.19.0'), /^no since Linux 5\.1/);
    assert.match(uring({ [disabled]: '0\n' }), /^yes/);
    assert.match(uring({ [disabled]: '1\n' }), /^unknown only for the privileged/);
    assert.match(uring({ [disabled]: '2\n' }), /^no switched off/);
    assert.match(uring({}), /^no this kernel was built without it/);
    assert.match(uring({}, '5.15.0'), /^yes/);
    assert.match(
      uring({ [disabled]: '0\n', '/proc/self/status': 'Name:\tnode\nSeccomp:\t2\n' }),
      /^unknown a seccomp/,
    );
    const config = gzipSync('CONFIG_EPOLL=y\n# CONFIG_IO_URING is not set\n');
    assert.match(uring({ '/proc/config.gz': config }, '5.15.0'), /^no this kernel was built without it/);
    assert.match(uring({ '/proc/config.gz': gzipSync('CONFIG_IO_URING=y\n') }, '5.15.0'), /^yes/);
    assert.match(uring({ '/proc/config.gz': 'damaged' }, '5.15.0'), /^yes/);
  });

  test('elsewhere nothing is claimed', () => {
    const features = kernelFeatures(machine({}, { platform: 'darwin', release: '23.1.0' }));
    assert.ok(features.length > 0 && features.every(({ state }) => state === 'unknown'));
  });

  test('versions are numbers', () => {
    assert.ok(isAtLeast('v20.19.0', 20, 19) && isAtLeast('v22.1.0', 20, 19) && isAtLeast('10.0.1', 5, 1));
    assert.ok(!isAtLeast('v20.9.0', 20, 19) && !isAtLeast('v18.20.0', 20, 19) && !isAtLeast('?', 1, 0));
  });
});

describe('doctor: what prevents running', () => {
  test('an old Node', () => {
    const report = makeReport(machine(generous, { nodeVersion: 'v18.19.0' }), manifest, running, null);
    assert.deepEqual(report.problems, ['Node v18.19.0 is too old: gopark needs >=20.19']);
    assert.match(printed(report), /gopark cannot run:\n {2}Node v18/);
  });

  test('a driver that does not work, or none', () => {
    const broken = makeReport(machine(generous), manifest, running, 'dial: refused');
    assert.deepEqual(
      [broken.works, broken.problems],
      [false, ['the epoll driver does not work here: dial: refused']],
    );
    const none = makeReport(
      machine(generous),
      manifest,
      { ...running, driver: null, nativeFile: null, why: 'GOPARK_DRIVER=epoll: it cannot' },
      null,
    );
    assert.deepEqual([none.works, none.problems], [null, ['GOPARK_DRIVER=epoll: it cannot']]);
    assert.match(printed(none), /none +GOPARK_DRIVER=epoll: it cannot/);
  });

  test('a lesser driver is advice, no problem', () => {
    const choice: DriverChoice = { ...running, driver: 'portable', degraded: true, nativeFile: null };
    const report = makeReport(machine(generous), manifest, choice, null);
    assert.deepEqual(report.problems, []);
    assert.match(report.advice[0]!, /build-native/);
  });
});

describe('doctor: the command', () => {
  const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
  const doctor = (args: string[], env: Record<string, string> = {}) => {
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
    return spawnSync(process.execPath, [main, 'doctor', ...args], {
      env: { ...own, ...env },
      encoding: 'utf8',
      timeout: 30_000,
    });
  };

  test('this machine: the driver works, the exit code is 0', () => {
    const { status, stdout, stderr } = doctor(['--json']);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(stdout);
    assert.equal(report.works, true);
    assert.equal(report.node.version, process.version);
    assert.ok(['epoll', 'uring', 'portable'].includes(report.driver.driver));
    assert.deepEqual(report.problems, []);
    const text = doctor([]);
    assert.equal(text.status, 0);
    assert.match(text.stdout, new RegExp(`${report.driver.driver} +runs`));
    assert.match(text.stdout, /bytes made it over loopback and back/);
  });

  test('the portable driver, when it is asked for', () => {
    const { status, stdout, stderr } = doctor(['--json'], { GOPARK_DRIVER: 'portable' });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, '');
    const report = JSON.parse(stdout);
    assert.deepEqual([report.driver.driver, report.works], ['portable', true]);
  });

  test('a driver that does not exist: exit code 1, and the reason', () => {
    const { status, stdout } = doctor([], { GOPARK_DRIVER: 'kqueue' });
    assert.equal(status, 1);
    assert.match(stdout, /gopark cannot run:\n {2}GOPARK_DRIVER="kqueue": no such driver/);
  });

  test('few descriptors', { skip: process.platform === 'linux' ? false : 'not Linux' }, () => {
    const { status, stdout } = spawnSync(
      '/bin/sh',
      ['-c', 'ulimit -n 300; exec "$0" "$@"', process.execPath, main, 'doctor', '--json'],
      { encoding: 'utf8', timeout: 30_000 },
    );
    assert.equal(status, 0);
    const report = JSON.parse(stdout);
    assert.equal(report.limits[0].value, 300);
    assert.match(report.advice.join(), /LimitNOFILE/);
  });

  test('--help, and what it does not know', () => {
    assert.match(doctor(['--help']).stdout, /^gopark doctor/);
    const unknown = doctor(['--nonsense']);
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /--nonsense/);
  });
});
