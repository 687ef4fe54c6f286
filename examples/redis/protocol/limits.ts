import { constants } from 'node:buffer';

/** What one request may claim. Each is checked against what was announced, before anything is allocated for it. */
export const limits = {
  /** Arguments of one command. */
  arguments: 1024 * 1024,
  /** Bytes of one argument, and of one string value: what a string of this engine can hold, Redis's 512 MiB at most. */
  bulk: Math.min(512 * 1024 * 1024, constants.MAX_STRING_LENGTH),
  /** Bytes of all arguments of one command together. */
  request: 1024 * 1024 * 1024,
  /** Bytes of a line: an inline command, a length. */
  line: 64 * 1024,
  /** What somebody who has not given the password may send. */
  unauthenticatedArguments: 10,
  unauthenticatedBulk: 16384,
};
