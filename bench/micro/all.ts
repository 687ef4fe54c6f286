import { workloads as bufio } from './bufio.ts';
import { workloads as channels } from './channels.ts';
import { workloads as io } from './io.ts';
import { workloads as linkbuffer } from './linkbuffer.ts';
import { workloads as net } from './net.ts';
import type { Workload } from './workload.ts';

/** In groups by what stands before the colon of their names. */
export const workloads: readonly Workload[] = [...io, ...bufio, ...linkbuffer, ...channels, ...net];

/** Those whose name contains one of the texts, which are separated by commas; all without any. */
export function chosen(only: string | undefined): readonly Workload[] {
  if (only === undefined) return workloads;
  const texts = only.split(',');
  const found = workloads.filter(({ name }) => texts.some((text) => name.includes(text)));
  if (found.length === 0) {
    throw new Error(`no workload has "${only}" in its name: ${workloads.map(({ name }) => name).join('; ')}`);
  }
  return found;
}
