import { readFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** What the doctor looks at: this machine, or one that a test has made up. */
export interface System {
  readonly platform: string;
  readonly arch: string;
  readonly release: string;
  readonly nodeVersion: string;
  readonly processors: number;
  /** The most bytes that V8's heap may grow to. */
  readonly heapLimit: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A file's bytes, or null where there is none that we may read. */
  readBytes(path: string): Uint8Array | null;
  /** The limits of this process as Node reports them, where /proc does not. */
  userLimits(): Readonly<Record<string, UserLimit>>;
}

export interface UserLimit {
  readonly soft: number | 'unlimited';
  readonly hard: number | 'unlimited';
}

export const thisSystem: System = {
  platform: process.platform,
  arch: process.arch,
  release: release(),
  nodeVersion: process.version,
  processors: availableParallelism(),
  heapLimit: getHeapStatistics().heap_size_limit,
  env: process.env,
  readBytes(path) {
    try {
      return readFileSync(path);
    } catch {
      return null;
    }
  },
  userLimits() {
    const { userLimits } = process.report.getReport() as { userLimits?: Record<string, UserLimit> };
    return userLimits ?? {};
  },
};

/** A file's text without the white space around it. */
export function readText(system: System, path: string): string | null {
  const bytes = system.readBytes(path);
  return bytes === null ? null : new TextDecoder().decode(bytes).trim();
}

/** The number that a file holds, at its start. */
export function readNumber(system: System, path: string): number | null {
  const digits = /^\d+/.exec(readText(system, path) ?? '')?.[0];
  return digits === undefined ? null : Number(digits);
}

/** Whether a version, 'v20.19.1' or '6.1.0-13-amd64', is at least this one. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, has = '0', hasMinor = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(has) > major || (Number(has) === major && Number(hasMinor) >= minor);
}
