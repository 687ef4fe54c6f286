import { threadId } from 'node:worker_threads';
import type { SharedChan } from '../../../sync/index.ts';
import { History } from '../history.ts';
import { eachTick } from './ticks.ts';

/** A piece of ticks is sent before it gets longer. */
export const PIECE = 16 * 1024;
/** What a P says on the channel of prices when it is new; prices begin otherwise. */
const ASKS = '?';

/** Who asks for what came before its time. */
export interface Asking {
  readonly proc: number;
  readonly thread: number;
}

export function askForPast(proc: number): string {
  return `${ASKS}${proc} ${threadId}`;
}

/** null: it is prices. */
export function askingIn(text: string): Asking | null {
  if (!text.startsWith(ASKS)) return null;
  const [proc, thread] = text.slice(ASKS.length).split(' ').map(Number) as [number, number];
  return { proc, thread };
}

/** Tells it in pieces. Each says for whom it is: in a P's place there may be another one by then. */
export async function tellPast(history: History, thread: number, past: SharedChan<string>): Promise<void> {
  const { first } = history;
  const entries = history.entriesAfter(first);
  await past.send(`${thread} begin ${first}\n`);
  let piece = '';
  for (const { line } of entries) {
    if (piece.length + line.length > PIECE) {
      await past.send(`${thread} ticks 0\n${piece}`);
      piece = '';
    }
    piece += line;
  }
  await past.send(`${thread} ticks 0\n${piece}`);
  await past.send(`${thread} end 0\n`);
}

export async function receivePast(past: SharedChan<string>, capacity: number): Promise<History> {
  let history = new History(capacity, 0);
  for await (const text of past) {
    const head = text.slice(0, text.indexOf('\n'));
    const [thread, kind, number] = head.split(' ') as [string, string, string];
    if (Number(thread) !== threadId) continue;
    if (kind === 'end') break;
    if (kind === 'begin') history = new History(capacity, Number(number));
    await eachTick(text.slice(head.length + 1), (symbol, line, sequence) => {
      history.add(symbol, sequence, line);
      return null;
    });
  }
  return history;
}
