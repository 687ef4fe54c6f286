// Holds the floors of the house (CONTRIBUTING.md): an import may stay in its package, go to another package
// of its own floor, or go down. Floor 0's io, bytes and bufio import nothing of Node: they run in a browser.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src', import.meta.url));

const floors = [
  ['io', 'bytes', 'bufio'],
  ['runtime', 'linkbuffer'],
  ['sync', 'poll'],
  ['net', 'os'],
  ['eventloop', 'serve', 'compat', 'debug'],
  ['cli'],
];
const floorOf = new Map(floors.flatMap((packages, floor) => packages.map((name) => [name, floor])));

function packageOf(path) {
  const [first, second] = path.split('/');
  return second === undefined ? 'root' : first;
}

/** Every import that points up, as `file: why`. The root index.ts is the roof and may import anything. */
export function checkFloors() {
  const violations = [];
  for (const name of readdirSync(source, { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const from = packageOf(name);
    if (from === 'root') continue;
    if (!floorOf.has(from)) {
      violations.push(`${name}: package ${from} stands on no floor; give it one in scripts/floors.mjs`);
      continue;
    }
    const text = readFileSync(join(source, name), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    for (const [, specifier] of text.matchAll(
      /^(?:import|export)\b(?:[^;'"]*?\bfrom)?\s*['"]([^'"]+)['"]/gm,
    )) {
      if (specifier.startsWith('.')) {
        const to = packageOf(relative(source, join(source, dirname(name), specifier)));
        if (to === 'root') {
          // The command is a program, not a library: it uses gopark as its users do.
          if (from !== 'cli') violations.push(`${name}: imports the roof (${specifier})`);
        } else if (floorOf.get(to) > floorOf.get(from)) {
          violations.push(`${name}: floor ${floorOf.get(from)} imports ${to}, floor ${floorOf.get(to)}`);
        }
      } else if (floorOf.get(from) === 0) {
        violations.push(
          `${name}: floor 0 imports ${specifier}; nothing but its own files may be imported there`,
        );
      } else if (!specifier.startsWith('node:')) {
        violations.push(`${name}: the runtime core has no dependency, but imports ${specifier}`);
      }
    }
  }
  return violations;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = checkFloors();
  for (const violation of violations) console.error(violation);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
