/** Texts between threads: orders to the journal, what became of them, and prices. Lines, because protocol lines are. */

/** A piece of work for the journal. */
export interface OrderBatch {
  /** In whose place, and who: the next one in that place knows nothing of it. */
  readonly proc: number;
  readonly thread: number;
  readonly number: number;
  readonly orders: readonly string[];
}

export function encodeOrders({ proc, thread, number, orders }: OrderBatch): string {
  return `${proc} ${thread} ${number}\n${orders.join('\n')}`;
}

export function decodeOrders(text: string): OrderBatch {
  const [head, ...orders] = text.split('\n');
  const [proc, thread, number] = head!.split(' ').map(Number) as [number, number, number];
  return { proc, thread, number, orders };
}

/** What became of one. */
export interface BatchAnswer {
  readonly thread: number;
  readonly number: number;
  /** The number of its first order; the others follow. */
  readonly sequence: number;
  /** Why orders are not in the journal, by their place in the batch; the others are. */
  readonly failures: ReadonlyMap<number, string>;
}

export function encodeAnswer({ thread, number, sequence, failures }: BatchAnswer): string {
  let text = `${thread} ${number} ${sequence}`;
  for (const [place, why] of failures) text += `\n${place} ${why.replaceAll('\n', ' ')}`;
  return text;
}

export function decodeAnswer(text: string): BatchAnswer {
  const [head, ...lines] = text.split('\n');
  const [thread, number, sequence] = head!.split(' ').map(Number) as [number, number, number];
  const failures = new Map(
    lines.map((line) => {
      const space = line.indexOf(' ');
      return [Number(line.slice(0, space)), line.slice(space + 1)];
    }),
  );
  return { thread, number, sequence, failures };
}
