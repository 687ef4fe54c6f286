import { parseCount } from '../gateway/options.ts';

export interface DemoOptions {
  connections: number;
  seconds: number;
  /** Orders a second. */
  rate: number;
  symbols: number;
}

export const defaultDemo: DemoOptions = { connections: 2000, seconds: 15, rate: 5000, symbols: 200 };

/** For parseArgs. */
export const demoOptions = {
  connections: { type: 'string' },
  seconds: { type: 'string' },
  rate: { type: 'string' },
  symbols: { type: 'string' },
} as const;

export function parseDemo(values: Record<string, unknown>): DemoOptions {
  const demo = { ...defaultDemo };
  for (const name of Object.keys(demoOptions) as (keyof DemoOptions)[]) {
    const text = values[name];
    if (typeof text === 'string') demo[name] = parseCount(name, text);
  }
  return demo;
}
