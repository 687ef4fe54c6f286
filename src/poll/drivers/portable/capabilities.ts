import type { Capability } from '../../driver.ts';

/** What this Node can do. */
export function capabilities(): ReadonlySet<Capability> {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  const reusePort = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
  const all: Capability[] = ['localAddress', 'datagrams', 'unix'];
  if (reusePort) all.push('reusePort');
  if (process.platform !== 'win32') all.push('inherit');
  return new Set(all);
}
