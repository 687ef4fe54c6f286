import { argv } from 'node:process';

export type Mode = 'echo' | 'per-message' | 'lines';

/** The command line of every echo server: MODE SIZE BUFFER. */
export interface Arguments {
  readonly mode: Mode;
  /** Bytes a message. */
  readonly size: number;
  /** Bytes of a read buffer. */
  readonly buffer: number;
}

export function serverArguments(): Arguments {
  return { mode: argv[2] as Mode, size: Number(argv[3]), buffer: Number(argv[4]) };
}
