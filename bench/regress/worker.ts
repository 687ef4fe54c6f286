// One side of the comparison: runs what it is told to, for as long as it is told to. argv: the folder of its gopark.
import { createInterface } from 'node:readline';
import { workloads } from '../micro/all.ts';
import { load } from '../micro/gopark.ts';

/** What is asked: a line of JSON. */
export interface Slice {
  readonly workload: string;
  readonly ms: number;
}

/** What is answered: how many things were done in how much CPU time, or why not. */
export type Answer = { readonly done: number; readonly cpu: number } | { readonly error: string };

const gopark = await load(process.argv[2]!);
gopark.runtime.runtime.holdLimit = 0;
const made = new Map<string, () => void | Promise<void>>();

async function slice({ workload: name, ms }: Slice): Promise<Answer> {
  const workload = workloads.find((one) => one.name === name)!;
  const once = made.get(name) ?? (await workload.make(gopark));
  made.set(name, once);
  const before = process.cpuUsage();
  const end = performance.now() + ms;
  let runs = 0;
  do {
    await once();
    runs++;
  } while (performance.now() < end);
  const { user, system } = process.cpuUsage(before);
  return { done: runs * workload.count, cpu: user + system };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await slice(JSON.parse(line) as Slice).catch(
    (error: unknown): Answer => ({ error: error instanceof Error ? error.message : String(error) }),
  );
  console.log(JSON.stringify(answer));
}
process.exit();
