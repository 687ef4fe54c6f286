import { fstatSync, readFileSync } from 'node:fs';

const STREAM = 1;

/** A Unix socket as Linux lists it. */
interface Listed {
  readonly name: string;
  readonly stream: boolean;
}

/** What Node does not tell of a Unix socket that it has not opened itself. Null: it is none, or this is not Linux. */
export function unixSocketOf(descriptor: number): Listed | null {
  if (process.platform !== 'linux') return null;
  const { ino } = fstatSync(descriptor, { bigint: true });
  // Num RefCount Protocol Flags Type St Inode Path
  for (const line of readFileSync('/proc/net/unix', 'latin1').split('\n')) {
    const found = /^\S+ \S+ \S+ \S+ (\S+) \S+ +(\d+)(?: (.*))?$/.exec(line);
    if (found === null || found[2] !== String(ino)) continue;
    const path = Buffer.from(found[3] ?? '', 'latin1').toString();
    return {
      name: path.startsWith('@') ? `\0${path.slice(1)}` : path,
      stream: Number.parseInt(found[1]!, 16) === STREAM,
    };
  }
  return null;
}
