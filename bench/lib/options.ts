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
