import { parseCount, UsageError } from '../usage.ts';

/** How orders are kept. */
export interface JournalOptions {
  readonly path: string;
  readonly mode: 'async' | 'blocking';
  /** When the disk has them: 'batch': before the ACK; a number: so many milliseconds later at most. */
  readonly sync: 'never' | 'batch' | number;
  /** Begin a new file before this one gets longer; null: never. */
  readonly rotateSize: number | null;
}

const text = { type: 'string' } as const;

/** For parseArgs. */
export const journalArguments = {
  journal: text,
  sync: text,
  'journal-mode': text,
  'journal-rotate': text,
} as const;

export function journalOptions(values: Record<string, unknown>): JournalOptions | null {
  const given = (name: keyof typeof journalArguments) => values[name] as string | undefined;
  const path = given('journal');
  if (path === undefined) {
    for (const name of ['sync', 'journal-mode', 'journal-rotate'] as const) {
      if (given(name) !== undefined)
        throw new UsageError(`--${name} is about a journal: where is --journal?`);
    }
    return null;
  }
  if (path === '') throw new UsageError('--journal: expected the path of a file');
  const mode = given('journal-mode') ?? 'async';
  if (mode !== 'async' && mode !== 'blocking') {
    throw new UsageError(`--journal-mode: expected async or blocking, got ${JSON.stringify(mode)}`);
  }
  const sync = given('sync') ?? 'batch';
  const rotate = given('journal-rotate');
  if (rotate !== undefined && mode === 'blocking') {
    throw new UsageError('--journal-rotate needs --journal-mode async');
  }
  return {
    path,
    mode,
    sync: sync === 'batch' || sync === 'never' ? sync : parseCount('sync', sync, ' or batch, or never'),
    rotateSize: rotate === undefined ? null : parseCount('journal-rotate', rotate),
  };
}

export const journalUsage = `  --journal file            keep every order there before its ACK
  --sync batch|never|ms     the disk has it before its ACK, whenever the kernel likes, or ms later  (batch)
  --journal-mode mode       async, or blocking: synchronous writes, for comparison                  (async)
  --journal-rotate bytes    begin a new file before this one gets longer`;
