import { parseArgs } from 'node:util';

/** What to do for a time. */
export interface Phase {
  seconds: number;
  /** Orders a second, over all connections. */
  rate: number;
  /** Prices a second, over all publishers. */
  feeds: number;
}

export interface LoadOptions extends Phase {
  address: string;
  connections: number;
  symbols: number;
  /** Phases come from stdin. */
  fromInput?: boolean;
}

/** Each client listens to so many symbols. */
export const SUBSCRIPTIONS = 2;
export const PUBLISHERS = 4;

export function symbolOf(number: number, options: LoadOptions): string {
  return `SYM${number % options.symbols}`;
}

const NAMES = ['connections', 'seconds', 'rate', 'feeds', 'symbols'] as const;

export function parseLoad(args: string[]): LoadOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...{ address: text, connections: text, seconds: text, rate: text, feeds: text, symbols: text },
      'from-input': { type: 'boolean' },
    },
  });
  const options = { address: values.address ?? '', fromInput: values['from-input'] === true } as LoadOptions;
  for (const name of NAMES) {
    options[name] = Number(values[name]);
    if (!(options[name] >= 0)) throw new Error(`load: --${name} is missing or no number`);
  }
  return options;
}

export function loadArguments(options: LoadOptions): string[] {
  const numbers = NAMES.flatMap((name) => [`--${name}`, String(options[name])]);
  return ['--address', options.address, ...numbers, ...(options.fromInput ? ['--from-input'] : [])];
}
