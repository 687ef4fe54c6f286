import { closeSync, openSync, readSync } from 'node:fs';
import { readElf } from './elf.ts';

export type Libc = 'glibc' | 'musl';

/** The C library that a dynamic linker's path belongs to. */
function libcOf(interpreter: string): Libc | null {
  if (interpreter.includes('ld-musl')) return 'musl';
  return /\/ld(-linux|64|\.so)/.test(interpreter) ? 'glibc' : null;
}

/** Node's own report, for a Node whose file does not tell. */
function reportedLibc(): Libc {
  const { report } = process as { report: typeof process.report & { excludeNetwork?: boolean } };
  const before = report.excludeNetwork;
  // Else it looks up names of peers, which takes its time.
  report.excludeNetwork = true;
  try {
    const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
    return header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  } finally {
    if (before === undefined) delete report.excludeNetwork;
    else report.excludeNetwork = before;
  }
}

/** Long enough for an executable's headers and the path of its dynamic linker. */
const HEADERS = 16 * 1024;

function linkedLibc(executable: string): Libc | null {
  try {
    const start = new Uint8Array(HEADERS);
    const file = openSync(executable, 'r');
    try {
      const { interpreter } = readElf(start.subarray(0, readSync(file, start)), { whole: false });
      return interpreter === null ? null : libcOf(interpreter);
    } finally {
      closeSync(file);
    }
  } catch {
    // No /proc, or Node may not read it: the report knows as well, only slower.
    return null;
  }
}

/** The C library that this Node runs on. Linux only. */
export function runningLibc(): Libc {
  return linkedLibc('/proc/self/exe') ?? reportedLibc();
}
