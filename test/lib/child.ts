import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface ChildOptions {
  args?: readonly string[];
  /** A limit for the descriptors it may have. */
  descriptors?: number;
  env?: Record<string, string>;
  /** Told of every whole line on stdout. */
  onLine?: (line: string) => void;
  ms?: number;
}

/** Runs a module of ours, or a piece of one, in a process of its own, until it ends. Killed after `ms`. */
export async function runChild(code: string, options: ChildOptions = {}): Promise<Ended> {
  const { args = [], descriptors, env = {}, onLine, ms = 20_000 } = options;
  const node = ['--enable-source-maps', '--input-type=module', '-e', code, '--', ...args];
  // NODE_OPTIONS and the runner's own variables would make it a part of this test run.
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...own } = process.env;
  // On a busy machine anybody may seem to hold the event loop: what is expected on stderr must not depend on that.
  const settings = {
    cwd: root,
    env: { GOPARK_HOLD_LIMIT: '0', ...own, ...env },
    stdio: ['ignore', 'pipe', 'pipe'] as const,
  };
  const child =
    descriptors === undefined
      ? spawn(process.execPath, node, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] })
      : spawn('/bin/sh', ['-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, process.execPath, ...node], {
          ...settings,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
  let stdout = '';
  let stderr = '';
  let lineStart = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (let end = stdout.indexOf('\n', lineStart); end >= 0; end = stdout.indexOf('\n', lineStart)) {
      onLine?.(stdout.slice(lineStart, end));
      lineStart = end + 1;
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), ms);
  const [exit] = await Promise.all([
    once(child, 'exit'),
    once(child.stdout, 'close'),
    once(child.stderr, 'close'),
  ]);
  clearTimeout(timer);
  return { code: exit[0], signal: exit[1], stdout, stderr };
}

/** Asserts that a program ended because its goroutines waited for each other, and what it told of them. */
export function assertDeadlock(ended: Ended, ...texts: (string | RegExp)[]): void {
  assert.equal(ended.code, 2, `${ended.stdout}${ended.stderr}`);
  assert.match(ended.stderr, /^fatal error: all goroutines are asleep - deadlock!\n\ngoroutine /);
  for (const text of texts) {
    assert.ok(typeof text === 'string' ? ended.stderr.includes(text) : text.test(ended.stderr), ended.stderr);
  }
}
