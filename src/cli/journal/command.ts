import { parseArgs } from 'node:util';
import { writeString } from '../../io/index.ts';
import { open, PathError, stdout } from '../../os/index.ts';
import { scan } from '../gateway/journal/scan.ts';
import { UsageError } from '../gateway/usage.ts';

const usage = `gopark journal cat FILE    print the records of a gateway's journal, one a line

The exit code is 1 when there is something behind the last whole record, or FILE is no journal.`;

/** Lines that are handed to stdout at a time. */
const BATCH = 64 * 1024;

/** `gopark journal ...`: the exit code. 1: there is something behind the last whole record. */
export async function journalCommand(args: string[]): Promise<number> {
  let positionals: string[];
  let help: boolean | undefined;
  try {
    const options = { help: { type: 'boolean', short: 'h' } } as const;
    ({
      positionals,
      values: { help },
    } = parseArgs({ args, allowPositionals: true, options }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (help) {
    console.log(usage);
    return 0;
  }
  const [what, path, ...more] = positionals;
  if (what !== 'cat' || path === undefined || more.length > 0) {
    throw new UsageError('journal: which file? gopark journal cat FILE');
  }
  try {
    return await print(path);
  } catch (error) {
    // Whoever read our output has enough.
    if (error instanceof PathError && error.code === 'EPIPE') return 1;
    throw error;
  }
}

async function print(path: string): Promise<number> {
  await using file = await open(path);
  let lines = '';
  const flush = () => {
    const text = lines;
    lines = '';
    return writeString(stdout, text);
  };
  const { end, size } = await scan(file, (payload) => {
    lines += `${payload}\n`;
    return lines.length < BATCH ? undefined : flush();
  });
  await flush();
  if (end === size) return 0;
  console.error(`gopark journal: ${path}: ${size - end} bytes of no whole record at ${end}`);
  return 1;
}
