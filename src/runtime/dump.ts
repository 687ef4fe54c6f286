import { type Entry, type State, takeCensus } from './census.ts';
import { now } from './clock.ts';
import { escapeText } from './escape.ts';
import type { Goroutine } from './goroutine.ts';
import { functionName, isLibrary, shortPath, sourceOf } from './source.ts';
import { creationOf } from './trace.ts';

/** So many that share everything are still told one by one. */
const FEW = 3;
/** Functions shown of each chain. */
const MOST_LINES = 12;

const ORDER: readonly State[] = [
  'running',
  'runnable',
  'sync.Mutex.Lock',
  'sync.RWMutex.Lock',
  'sync.RWMutex.RLock',
  'sync.Semaphore.Acquire',
  'sync.Cond.Wait',
  'sync.WaitGroup.Wait',
  'chan send',
  'chan receive',
  'select',
  'goroutine',
  'file I/O',
  'IO wait',
  'sleep',
  'elsewhere',
];

const STATES: Partial<Record<State, string>> = {
  goroutine: 'goroutine done',
  elsewhere: 'not in gopark: about to run, or awaits something else',
};

/**
 * What every goroutine of this thread waits for: state and since when, on what, which functions await it, and where
 * the goroutine was created. Many that share all that become one paragraph. Go: `runtime.Stack(buf, true)`.
 *
 * `goroutine 12` is certain, `goroutine ~12` inferred (it serves the connection that is waited on), `goroutine ?`
 * a wait of which nothing shows whose it is. Taking it costs milliseconds, with 100,000 goroutines some hundreds.
 *
 * @example
 * ```ts
 * import { stack } from 'gopark';
 *
 * process.on('SIGUSR2', () => console.error(stack()));
 * ```
 */
export function stack(): string {
  return formatCensus(takeCensus(stack));
}

export function formatCensus(entries: readonly Entry[]): string {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  const instant = now();
  const sorted = joinUnprobed([...groups.values()]).sort(
    ([a], [b]) => ORDER.indexOf(a!.state) - ORDER.indexOf(b!.state) || sinceOf(a!) - sinceOf(b!),
  );
  const paragraphs: string[] = [];
  for (const group of sorted) {
    if (group.length > FEW) paragraphs.push(crowd(group, instant));
    else for (const entry of group) paragraphs.push(single(entry, instant));
  }
  return paragraphs.length === 0 ? 'no goroutines\n' : `${paragraphs.join('\n\n')}\n`;
}

/** Those that were not asked are counted with those of their kind that were, where these all stand alike. */
function joinUnprobed(groups: readonly Entry[][]): Entry[][] {
  const kinds = new Map<string, Entry[][]>();
  for (const group of groups) {
    const kind = kindOf(group[0]!);
    const alike = kinds.get(kind);
    if (alike === undefined) kinds.set(kind, [group]);
    else alike.push(group);
  }
  const joined: Entry[][] = [];
  for (const alike of kinds.values()) {
    const [one, other] = alike.sort(([a], [b]) => Number(b!.probed) - Number(a!.probed));
    if (alike.length === 2 && one![0]!.probed && !other![0]!.probed) joined.push([...one!, ...other!]);
    else joined.push(...alike);
  }
  return joined;
}

function kindOf({ state, wait, goroutine, certainty }: Entry): string {
  const operation = wait?.waitOperation ?? '';
  const origin = goroutine === null ? '' : `${goroutine.label}\n${goroutine.site}`;
  return `${state}\n${operation}\n${certainty}\n${origin}`;
}

function keyOf(entry: Entry): string {
  const { frames, probed } = entry;
  let key = `${kindOf(entry)}\n${probed}`;
  for (const { name, file, line, column } of frames) key += `\n${name} ${file}:${line}:${column}`;
  return key;
}

function single(entry: Entry, instant: number): string {
  const { goroutine, wait } = entry;
  const age = wait === null || Number.isNaN(wait.since) ? '' : `, ${duration(instant - wait.since)}`;
  const label = goroutine === null || goroutine.label === '' ? '' : ` ${escapeText(goroutine.label)}`;
  const head = `goroutine ${idOf(entry)}${label} [${nameOf(entry.state)}${age}]`;
  return paragraph(head, [describe(entry), createdAt(entry)], entry) + creation(goroutine);
}

function crowd(group: readonly Entry[], instant: number): string {
  const [entry] = group as [Entry];
  const { goroutine, wait } = entry;
  const label = goroutine === null || goroutine.label === '' ? '' : ` ${escapeText(goroutine.label)}`;
  const count = group.length.toLocaleString('en-US');
  const unit = goroutine === null ? 'waits of unknown goroutines' : 'goroutines';
  const head = `${count} ${unit}${label} [${nameOf(entry.state)}]`;
  const details = [escapeText(wait?.waitOperation ?? ''), createdAt(entry)];
  let example = entry;
  if (wait !== null && !Number.isNaN(wait.since)) {
    let youngest = entry;
    for (const one of group) {
      if (sinceOf(one) < sinceOf(example)) example = one;
      if (sinceOf(one) > sinceOf(youngest)) youngest = one;
    }
    details.push(`oldest ${duration(instant - sinceOf(example))}`);
    details.push(`youngest ${duration(instant - sinceOf(youngest))}`);
  }
  const asked = group.filter(({ probed }) => probed).length;
  if (asked < group.length) details.push(`${asked.toLocaleString('en-US')} of them asked who awaits them`);
  const what = describe(example);
  details.push(`for example goroutine ${idOf(example)}${what === '' ? '' : ` (${what})`}`);
  return paragraph(head, details, entry);
}

/** With GOPARK_TRACE=1 the whole stack. */
function creation(goroutine: Goroutine | null): string {
  const lines = goroutine === null ? [] : creationOf(goroutine);
  return lines.map((line) => `\n\tcreated ${escapeText(line)}`).join('');
}

function paragraph(head: string, details: readonly string[], { frames }: Entry): string {
  const told = details.filter((detail) => detail !== '').join(', ');
  const own = frames.filter((frame) => !isLibrary(frame));
  const shown = own.length > 0 ? own : frames;
  const lines = [told === '' ? head : `${head}: ${told}`];
  for (const frame of shown.slice(0, MOST_LINES)) {
    lines.push(`\tat ${escapeText(functionName(frame))} (${escapeText(sourceOf(frame))})`);
  }
  if (shown.length > MOST_LINES) lines.push(`\t... ${shown.length - MOST_LINES} more`);
  return lines.join('\n');
}

function idOf({ goroutine, certainty, frames }: Entry): string {
  if (goroutine !== null) return certainty === 'inferred' ? `~${goroutine.id}` : String(goroutine.id);
  return frames.some((frame) => frame.isMain) ? 'main' : '?';
}

/** As the dump calls it. */
export function nameOf(state: State): string {
  return STATES[state] ?? state;
}

function describe({ wait }: Entry): string {
  return wait === null ? '' : escapeText(wait.describeWait());
}

function createdAt({ goroutine }: Entry): string {
  return goroutine === null ? '' : `created at ${escapeText(shortPath(goroutine.site))}`;
}

function sinceOf({ wait }: Entry): number {
  return wait === null || Number.isNaN(wait.since) ? Number.POSITIVE_INFINITY : wait.since;
}

/** 3m12s, as Go writes it, but never finer than it is known. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 1) return `${(Math.max(0, ms) / 1000).toFixed(1)}s`;
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}
