import { describe, test } from 'node:test';
import type { Capability, Driver } from '#dist/poll/driver.js';
import { lacks } from '../needs.ts';
import { Rig } from './rig.ts';

/** What the harness of a driver can do, beside what the driver can. */
export type HarnessCapability =
  /** Its slots are real sockets: Node's own can be their peers, and errors are the kernel's. */
  | 'sockets'
  /** It can be made in another process. */
  | 'process';

/** A driver under test. */
export interface Subject {
  readonly name: string;
  readonly harness: ReadonlySet<HarnessCapability>;
  /** Called once a process: not every driver can be there twice. */
  make(): Driver;
  /** One thing happens, for a driver that does nothing by itself. False: nothing could. */
  readonly step?: () => boolean;
  /** Two connected slots, for a driver whose listeners nobody can connect to. */
  readonly pair?: () => [number, number];
  /** Module source that leaves a driver in `const driver`, for a process of its own. */
  readonly source?: string;
}

export type Need = Capability | HarnessCapability;

/** One promise of the contract. It begins with no slot open, and what it leaves open is closed after it. */
export type Row = (title: string, needs: readonly Need[], check: (rig: Rig) => Promise<void>) => void;

/** A group of rows. */
export type Rows = (row: Row, subject: Subject) => void;

const groups = new WeakMap<Subject, Rig>();

/** The rows of `rows`, run on the subject. What it lacks is a skip that says so. */
export function runRows(subject: Subject, title: string, rows: Rows, atOnce = 1): void {
  const rig = groups.get(subject) ?? new Rig(subject);
  groups.set(subject, rig);
  const row: Row = (name, needs, check) => {
    const missing = needs.find((need) => !rig.has(need));
    const skip = missing === undefined ? false : lacks(subject.name, missing);
    test(name, { skip, timeout: 60_000 }, async () => {
      // In a process of its own: ours has no part in it.
      if (needs.includes('process')) return check(rig);
      rig.begin();
      const failure = await check(rig).then(
        () => null,
        (error: unknown) => ({ error }),
      );
      const untidy = await rig.end().then(
        () => null,
        (error: unknown) => ({ error }),
      );
      const first = failure ?? untidy;
      if (first !== null) throw first.error;
    });
  };
  describe(title, { concurrency: atOnce }, () => rows(row, subject));
}
