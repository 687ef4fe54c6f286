// Reads the Markdown pages: their fenced blocks, their links, their headings.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './docstrings.ts';

export interface Block {
  /** From the root of the repository: 'docs/io.md'. */
  page: string;
  /** Of the opening fence, from 1. */
  line: number;
  /** The first word of the info string: 'ts', 'sh'... '' for a block without one. */
  language: string;
  /** The other words of the info string. */
  words: string[];
  code: string;
}

/** Every page that people read, from the root of the repository. What is generated is not among them. */
export function pages(): string[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
    .filter((name) => !/^docs\/(?:api|benchmarks)\//.test(name));
  const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' }).map(
    (name) => `examples/${name.replaceAll('\\', '/')}`,
  );
  const all = [...docs, ...examples].filter((name) => name.endsWith('.md')).sort();
  return ['README.md', 'CONTRIBUTING.md', ...all];
}

export function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let open: { fence: string; block: Block; lines: string[] } | null = null;
  for (const [index, line] of textOf(page).split('\n').entries()) {
    if (open === null) {
      const fence = /^ *(`{3,})(.*)$/.exec(line);
      if (fence === null) continue;
      const [language = '', ...words] = fence[2]!.trim().split(/\s+/);
      open = {
        fence: fence[1]!,
        block: { page, line: index + 1, language, words, code: '' },
        lines: [],
      };
    } else if (line.trim() === open.fence) {
      blocks.push({ ...open.block, code: `${open.lines.join('\n')}\n` });
      open = null;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== null) throw new Error(`${page}:${open.block.line}: this block is never closed`);
  return blocks;
}

/** The page without its fenced blocks and code spans. */
export function proseOf(page: string): string {
  return textOf(page)
    .replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1\s*$/gm, '')
    .replace(/`[^`\n]*`/g, '``');
}

/** The anchors that GitHub gives a page's headings. */
export function anchorsOf(page: string): Set<string> {
  const text = textOf(page).replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1\s*$/gm, '');
  const anchors = new Set<string>();
  for (const [, heading] of text.matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const plain = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const anchor = plain
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}
