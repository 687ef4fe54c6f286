// Reads the docstrings of src/: which names a package exports, what stands above each, and the examples in it.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));

export interface Example {
  file: string;
  line: number;
  code: string;
}

/** Every TypeScript block that follows an @example in a docstring of src/. */
export function examples(): Example[] {
  const found: Example[] = [];
  for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!name.endsWith('.ts')) continue;
    const text = readFileSync(join(root, 'src', name), 'utf8');
    for (const comment of text.matchAll(/^[ \t]*\/\*\*.*?\*\//gms)) {
      const at = comment[0].indexOf('@example');
      if (at < 0) continue;
      for (const block of comment[0].matchAll(/```ts\n(.*?)^[ \t]*\* ```/gms)) {
        if (block.index < at) continue;
        const line = text.slice(0, comment.index + block.index).split('\n').length + 1;
        found.push({ file: `src/${name}`, line, code: block[1]!.replace(/^[ \t]*\* ?/gm, '') });
      }
    }
  }
  return found;
}

/** The names that a package's `index.ts` exports, each with the file that declares it. */
export function exportsOf(packageName: string): { name: string; file: string }[] {
  return exportsOfFile(join(root, 'src', packageName, 'index.ts'));
}

function exportsOfFile(index: string): { name: string; file: string }[] {
  const text = readFileSync(index, 'utf8');
  const names: { name: string; file: string }[] = [];
  for (const [, list, from] of text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gms)) {
    for (const item of list!.split(',')) {
      const name = item
        .trim()
        .replace(/^type /, '')
        .replace(/^.* as /, '');
      if (name === '') continue;
      const file = join(dirname(index), from!);
      const inner =
        basename(file) === 'index.ts' ? exportsOfFile(file).find((one) => one.name === name) : undefined;
      names.push(inner ?? { name, file });
    }
  }
  return names;
}

/** The docstring right above a top-level declaration, or null. */
export function docstringOf(name: string, file: string): string | null {
  const text = readFileSync(file, 'utf8');
  const declaration = new RegExp(
    `(/\\*\\*(?:(?!\\*/).)*\\*/)\\n(?://[^\\n]*\\n)*export (?:abstract |async )?(?:class|function|const|interface|type) ${name}\\b`,
    's',
  );
  return declaration.exec(text)?.[1] ?? null;
}
