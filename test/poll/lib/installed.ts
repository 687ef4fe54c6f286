import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

/** The local build of the native part, where there is one. */
export const nativeBuild = join(root, 'native/build/gopark.node');

/** A project in a folder of its own that has gopark installed, without a native part. */
export class Installed implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gopark-'));
  readonly own = join(this.folder, 'node_modules/gopark');

  constructor() {
    mkdirSync(this.own, { recursive: true });
    // Only what runs, or the machine is busy copying.
    for (const part of ['bufio', 'bytes', 'io', 'net', 'poll', 'runtime', 'sync']) {
      cpSync(join(root, 'dist', part), join(this.own, 'dist', part), {
        recursive: true,
        filter: (source) => !/\.(map|d\.ts)$/.test(source),
      });
    }
    cpSync(join(root, 'package.json'), join(this.own, 'package.json'));
  }

  /** The file where a local build would put the native part. */
  setLocalBuild(bytes: Uint8Array): void {
    mkdirSync(join(this.own, 'native/build'), { recursive: true });
    writeFileSync(join(this.own, 'native/build/gopark.node'), bytes);
  }

  /** As it was made: without a native part. */
  removeNative(): void {
    rmSync(join(this.own, 'native'), { recursive: true, force: true });
  }

  /** A package beside it: a folder that is linked into node_modules. */
  link(name: string, folder: string): void {
    mkdirSync(join(this.folder, 'node_modules', name, '..'), { recursive: true });
    symlinkSync(folder, join(this.folder, 'node_modules', name), 'dir');
  }

  /** Runs a module of the project. */
  run(
    code: string,
    {
      env = {},
      node = [],
      cwd = this.folder,
    }: { env?: Record<string, string>; node?: string[]; cwd?: string } = {},
  ): { status: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string } {
    const program = join(this.folder, 'program.mjs');
    writeFileSync(program, code);
    const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, GOPARK_DRIVER: ___, ...inherited } = process.env;
    return spawnSync(process.execPath, [...node, program], {
      cwd,
      env: { ...inherited, ...env },
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
