import { AsyncJournal } from './async-journal.ts';
import { BlockingJournal } from './blocking-journal.ts';
import type { Journal } from './journal.ts';
import type { JournalOptions } from './options.ts';
import { type Recovered, recover } from './recover.ts';

/** Recovers the journal, or begins one. */
export async function openJournal(
  options: JournalOptions,
): Promise<{ journal: Journal; recovered: Recovered }> {
  const recovered = await recover(options.path);
  if (options.mode === 'async') return { journal: new AsyncJournal(recovered, options), recovered };
  const { size } = await recovered.file.stat();
  return { journal: new BlockingJournal(recovered, size, options), recovered };
}

/** What the operator is told about it. */
export function describeRecovery(path: string, { orders, nextSequence, cut }: Recovered): string {
  const found = `journal ${path}: ${orders} orders, the next is ${nextSequence}`;
  if (cut === null) return found;
  return `${found}; cut off ${cut.bytes} bytes of no whole record at ${cut.at}, kept in ${cut.keptIn}`;
}
