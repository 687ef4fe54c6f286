import { parseArgs } from 'node:util';

export interface LoadOptions {
  address: string;
  connections: number;
  seconds: number;
  /** Orders a second, over all connections. */
  rate: number;
  /** Prices a second, over all publishers. */
  feeds: number;
  symbols: number;
}

/** Each client listens to so many symbols. */
export const SUBSCRIPTIONS = 2;
export const PUBLISHERS = 4;

const NAMES = ['connections', 'seconds', 'rate', 'feeds', 'symbols'] as const;

export function parseLoad(args: string[]): LoadOptions {
  const number = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      address: number,
      connections: number,
      seconds: number,
      rate: number,
      feeds: number,
      symbols: number,
    },
  });
  const options = { address: values.address ?? '' } as LoadOptions;
  for (const name of NAMES) {
    options[name] = Number(values[name]);
    if (!(options[name] >= 0)) throw new Error(`load: --${name} is missing or no number`);
  }
  return options;
}

export function loadArguments(options: LoadOptions): string[] {
  return ['--address', options.address, ...NAMES.flatMap((name) => [`--${name}`, String(options[name])])];
}
