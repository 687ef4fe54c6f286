// Who asks for io_uring and is refused gets epoll, with one line that says why: by filters of system calls, as
// containers have them, and by what the native part is made to answer.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ringFeature } from '#dist/cli/doctor/ring.js';
import { decide } from '#dist/poll/drivers/choice.js';
import { findNative, loadNative, type Native } from '#dist/poll/drivers/epoll/native.js';
import {
  MSG_WAITALL,
  OP_SEND,
  OP_SENDMSG,
  Q_HEAD,
  Q_OP_FLAGS,
  SQE_CQE_SKIP_SUCCESS,
  SQE_SIZE,
} from '#dist/poll/drivers/uring/abi.js';
import { tryRing } from '#dist/poll/drivers/uring/trial.js';
import { needsNative } from '../lib/needs.ts';

const { ENOSYS, EPERM, EINVAL, ENOMEM } = constants.errno;
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Runs a program that is refused one system call: `launcher NUMBER ERRNO PROGRAM...`; errno 0: it is killed. */
const LAUNCHER = `
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	(void)argc;
	unsigned number = atoi(argv[1]), error = atoi(argv[2]);
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, error == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return 99;
	execv(argv[3], argv + 3);
	return 98;
}
`;

const SETUP = 425;
const REGISTER = 427;

const PROGRAM = `
import { dial, listen } from 'gopark/net';
import { driverChoice } from '#dist/poll/drivers/choice.js';
const listener = await listen('tcp', '127.0.0.1:0');
const [a, b] = await Promise.all([dial('tcp', String(listener.addr)), listener.accept()]);
await a.write(Uint8Array.of(42));
const p = new Uint8Array(1);
await b.read(p);
await Promise.all([a.close(), b.close(), listener.close()]);
console.log(JSON.stringify({ ...driverChoice(), byte: p[0] }));
`;

describe('io_uring refused', needsNative(), () => {
  const folder = mkdtempSync(join(tmpdir(), 'gopark-refused-'));
  after(() => rmSync(folder, { recursive: true }));
  const launcher = join(folder, 'launcher');
  writeFileSync(`${launcher}.c`, LAUNCHER);
  const compiled = spawnSync(process.env.CC ?? 'cc', ['-o', launcher, `${launcher}.c`], { encoding: 'utf8' });
  const tried = compiled.status === 0 ? spawnSync(launcher, [String(SETUP), '1', '/bin/true']) : compiled;
  const noLauncher =
    tried.status === 0 ? false : 'no C compiler, or filters of system calls are not permitted';

  /** From 24 on Node begins with a ring of its own: nothing that we do would let it live under a filter that kills. */
  const nodeAsks =
    noLauncher === false &&
    spawnSync(launcher, [String(SETUP), '0', process.execPath, '-e', '0']).status !== 0
      ? 'this Node does not even start under such a filter'
      : false;

  const run = (call: number, errno: number, args: string[]) => {
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
    return spawnSync(launcher, [String(call), String(errno), process.execPath, ...args], {
      cwd: root,
      env: { ...own, GOPARK_DRIVER: 'uring' },
      encoding: 'utf8',
      timeout: 30_000,
    });
  };

  const refusals: [call: number, errno: number, why: RegExp][] = [
    [SETUP, ENOSYS, /the kernel refuses io_uring_setup: ENOSYS, /],
    [SETUP, EPERM, /the kernel refuses io_uring_setup: EPERM, /],
    [SETUP, EINVAL, /the kernel refuses io_uring_setup: EINVAL, /],
    [SETUP, ENOMEM, /the kernel refuses io_uring_setup: ENOMEM, /],
    [REGISTER, EPERM, /the kernel refuses io_uring_setup: EPERM, /],
  ];
  for (const [call, errno, why] of refusals) {
    test(`system call ${call} answers errno ${errno}: epoll, and one line`, { skip: noLauncher }, () => {
      const { status, stdout, stderr } = run(call, errno, ['--input-type=module', '-e', PROGRAM]);
      assert.equal(status, 0, stderr);
      const choice = JSON.parse(stdout);
      assert.deepEqual([choice.driver, choice.degraded, choice.byte], ['epoll', true, 42]);
      const line =
        /^gopark: the epoll driver runs, because uring cannot: (.*) \(what to do: npx gopark doctor\)\n$/.exec(
          stderr,
        );
      assert.ok(line !== null, `one line, not ${JSON.stringify(stderr)}`);
      assert.match(line[1]!, why);
      assert.equal(choice.others[0].why, line[1]);
    });
  }

  test('the doctor says so, and that it is no problem', { skip: noLauncher }, () => {
    const main = fileURLToPath(new URL('dist/cli/main.js', `file://${root}`));
    const { status, stdout } = run(SETUP, EPERM, [main, 'doctor', '--json']);
    const report = JSON.parse(stdout);
    assert.equal(status, 0);
    assert.equal(report.driver.driver, 'epoll');
    const feature = report.features.find(({ name }: { name: string }) => name === 'io_uring');
    assert.equal(feature.state, 'no');
    assert.match(feature.detail, /io_uring_setup: EPERM/);
    assert.match(report.advice.join(), /io_uring is refused/);
  });

  test('a filter that kills: the doctor survives it, by trying in a process of its own', {
    skip: noLauncher || nodeAsks,
  }, () => {
    const main = fileURLToPath(new URL('dist/cli/main.js', `file://${root}`));
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
    const { status, stdout, stderr } = spawnSync(
      launcher,
      [String(SETUP), '0', process.execPath, main, 'doctor', '--json'],
      { env: { ...own, GOPARK_DRIVER: 'epoll' }, encoding: 'utf8', timeout: 30_000 },
    );
    assert.equal(status, 0, stderr);
    const feature = JSON.parse(stdout).features.find(({ name }: { name: string }) => name === 'io_uring');
    assert.match(feature.detail, /ended who tried it by SIGSYS/);
  });

  /** The native part, but for some functions. */
  const altered = (functions: Partial<Record<keyof Native, unknown>>): Native =>
    Object.create(
      loadNative(),
      Object.fromEntries(Object.entries(functions).map(([name, value]) => [name, { value }])),
    );

  test('whichever step is refused, epoll is the choice, with its reason', () => {
    const native = loadNative();
    const steps: [functions: Partial<Record<keyof Native, unknown>>, why: RegExp][] = [
      [{ uringOpen: () => -ENOMEM }, /io_uring_setup: ENOMEM/],
      [{ uringRegister: () => -EINVAL }, /the probe of its operations: EINVAL/],
      [
        {
          uringRegister: (ring: unknown, op: number, argument: NodeJS.TypedArray | null, count: number) =>
            op === 22 ? -EPERM : native.uringRegister(ring, op, argument, count),
        },
        /a ring of buffers: EPERM/,
      ],
      [{ socketPair: () => -ENOMEM }, /a pair of sockets: ENOMEM/],
    ];
    const possible = tryRing(native).refusal === null;
    for (const [functions, why] of possible ? steps : steps.slice(0, 1)) {
      const load = () => ({ native: altered(functions), file: 'gopark.node' });
      const { choice } = decide('linux', 'uring', load);
      assert.deepEqual([choice.driver, choice.degraded], ['epoll', true]);
      assert.match(choice.others[0]!.why, why);
    }
  });

  test('sends that are not answered as they need to be: the driver runs, and they are plain calls', () => {
    const native = loadNative();
    if (tryRing(native).refusal !== null) return;
    /** As if the kernel told of what goes whole, or waited for room. */
    const without = (flags: number, word: number) => {
      let sqes = new Int32Array(0);
      return altered({
        uringOpen: (...args: Parameters<Native['uringOpen']>) => {
          const opened = native.uringOpen(...args);
          if (typeof opened !== 'number') sqes = new Int32Array(opened.sqes);
          return opened;
        },
        uringEnter: (ring: unknown, wait: number) => {
          for (let at = 0; at < sqes.length; at += SQE_SIZE) {
            const op = sqes[at]! & 0xff;
            if (op === OP_SEND || op === OP_SENDMSG) sqes[at + word]! &= ~flags;
          }
          return native.uringEnter(ring, wait);
        },
      });
    };
    let pairs = 0;
    const broken: [native: Native, why: RegExp][] = [
      [without(SQE_CQE_SKIP_SUCCESS << 8, Q_HEAD), /SEND tells of what goes whole: 2/],
      [without(MSG_WAITALL, Q_OP_FLAGS), /SEND does not tell what goes in part: undefined/],
      [
        // The first pair is the round trip's, the second SEND's.
        altered({ socketPair: (p: Int32Array) => (++pairs === 3 ? -ENOMEM : native.socketPair(p)) }),
        /SENDMSG could not be tried: ENOMEM/,
      ],
    ];
    for (const [other, why] of broken) {
      const { refusal, plainSends } = tryRing(other);
      assert.equal(refusal, null);
      assert.match(plainSends ?? 'by the ring', why);
      assert.match(
        ringFeature({ incremental: true, plainSends }).detail,
        /; small writes are plain calls, because the kernel's SEND/,
      );
    }
    assert.match(
      ringFeature({ incremental: true, plainSends: null }).detail,
      /; small writes are submissions$/,
    );
  });

  test('nobody else tries: without asking, and for epoll and portable, no ring is opened', () => {
    const attempt = () => assert.fail('a ring was tried');
    for (const asked of ['', 'epoll', 'portable']) decide('linux', asked, findNative, attempt);
  });
});
