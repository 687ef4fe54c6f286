import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { ElfError, ET_DYN, readElf } from './elf.ts';
import { type Libc, runningLibc } from './libc.ts';

/** What a native file must have been built for. */
export interface Host {
  readonly platform: string;
  readonly arch: string;
  readonly libc: Libc;
}

/** ELF's number of each architecture that Node calls by a name. */
const MACHINES: Record<string, number> = {
  ia32: 3,
  ppc64: 21,
  s390x: 22,
  arm: 40,
  x64: 62,
  arm64: 183,
  riscv64: 243,
  loong64: 258,
};

const nameOf = (machine: number) =>
  Object.keys(MACHINES).find((name) => MACHINES[name] === machine) ?? `machine ${machine}`;

const own = createRequire(import.meta.url);

export function thisHost(): Host {
  return { platform: process.platform, arch: process.arch, libc: runningLibc() };
}

/** The npm package that holds the native file for a host. */
export function platformPackage({ platform, arch, libc }: Host): string {
  return `@gopark/${platform}-${arch}${libc === 'musl' ? '-musl' : ''}`;
}

/** The C libraries are told apart by what their main library is called. */
function libcNeeded(needed: readonly string[]): Libc | null {
  if (needed.some((name) => /^libc\.(musl-|so$)/.test(name))) return 'musl';
  return needed.some((name) => /^libc\.so\./.test(name)) ? 'glibc' : null;
}

/** Why this file must not be loaded on `host`; null: nothing speaks against it. */
export function objection(file: Uint8Array, host: Host): string | null {
  try {
    const elf = readElf(file, { whole: true });
    const machine = MACHINES[host.arch];
    if (machine !== undefined && elf.machine !== machine) {
      return `built for ${nameOf(elf.machine)}, this Node is ${host.arch}`;
    }
    const bits = host.arch === 'arm' || host.arch === 'ia32' ? 32 : 64;
    if (elf.bits !== bits) return `built for ${elf.bits} bits, this Node has ${bits}`;
    if (elf.littleEndian !== (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1))
      return 'built for the other byte order';
    if (elf.type !== ET_DYN) return 'not a shared library';
    const libc = libcNeeded(elf.needed);
    if (libc !== null && libc !== host.libc) return `built for ${libc}, this Node runs on ${host.libc}`;
    return null;
  } catch (error) {
    if (error instanceof ElfError) return error.message;
    throw error;
  }
}

/** Where a native file may lie: a local build of this very package, then the package for this platform. */
export function candidates(host: Host): (string | { missing: string })[] {
  const local = fileURLToPath(new URL('../../../native/build/gopark.node', import.meta.url));
  const name = platformPackage(host);
  try {
    return [local, own.resolve(`${name}/gopark.node`)];
  } catch {
    return [local, { missing: `${name} is not installed` }];
  }
}

const firstLine = (error: unknown) => (error as Error).message.split('\n', 1)[0]!;

/** Loads one file, after a look at it; what it exports, or why that cannot be had. */
export function loadFile(path: string, host: Host): { module: unknown } | { why: string } {
  let file: Uint8Array;
  try {
    file = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { why: code === 'ENOENT' ? `${path} does not exist` : `${path}: ${firstLine(error)}` };
  }
  const why = objection(file, host);
  if (why !== null) return { why: `${path}: ${why}` };
  try {
    return { module: own(path) };
  } catch (error) {
    const message = firstLine(error);
    return { why: message.includes(path) ? message : `${path}: ${message}` };
  }
}
