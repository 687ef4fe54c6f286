import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values'];

/** The options of the command line; `--help` and what is wrong with them end the program with its usage. */
export function optionsIn<const T extends Options>(options: T, usage: string): Values<T> {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exit(2);
  }
}

/** The names in a comma-separated option; all of `known` when it was not given. */
export function namesIn(
  option: string | undefined,
  known: readonly string[],
  what: string,
): readonly string[] {
  if (option === undefined) return known;
  const names = option.split(',');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no ${what} "${unknown}": there are ${known.join(', ')}`);
  return names;
}

/** A number above 0 in an option. */
export function numberIn(option: string, name: string): number {
  const value = Number(option);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not "${option}"`);
  return value;
}

/** Runs a benchmark's main function; an error is one line, no stack. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
