// Every link between the pages leads somewhere, and docs/README.md names every page.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { test } from 'node:test';
import { root } from './docstrings.ts';
import { anchorsOf, pages, proseOf, textOf } from './markdown.ts';

function links(page: string): string[] {
  const found = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return found.filter((link) => !/^[a-z]+:/.test(link));
}

test('every link leads to a file, and to a heading in it', () => {
  const broken: string[] = [];
  let count = 0;
  for (const page of pages()) {
    for (const link of links(page)) {
      count += 1;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : posix.join(dirname(page), path);
      if (!existsSync(join(root, target))) broken.push(`${page}: ${link}: no such file`);
      else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor)) {
        broken.push(`${page}: ${link}: no such heading`);
      }
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(count > 60, `only ${count} links were found`);
});

test('docs/README.md has a line for every page', () => {
  const index = textOf('docs/README.md');
  const missing = pages().filter(
    (page) => page.startsWith('docs/') && page !== 'docs/README.md' && !index.includes(`(${page.slice(5)})`),
  );
  assert.deepEqual(missing, []);
});

/** Cells of a table's row; a bar in a code span has to be escaped, as everywhere in a table. */
function cells(row: string): number {
  return row
    .trim()
    .replace(/\\\|/g, '')
    .replace(/^\||\|$/g, '')
    .split('|').length;
}

test('every table is one: a head, a rule, and rows of as many cells', () => {
  const wrong: string[] = [];
  let count = 0;
  for (const page of pages()) {
    const lines = textOf(page)
      .replace(/^ *(`{3,})[^\n]*\n[\s\S]*?^ *\1\s*$/gm, (block) => block.replace(/[^\n]/g, ''))
      .split('\n');
    for (let at = 0; at < lines.length; at += 1) {
      if (!lines[at]!.startsWith('|')) continue;
      count += 1;
      const head = lines[at]!;
      if (!/^\|(?: *:?-+:? *\|)+$/.test(lines[at + 1] ?? ''))
        wrong.push(`${page}:${at + 1}: no rule below the head`);
      for (; lines[at]?.startsWith('|'); at += 1) {
        if (cells(lines[at]!) !== cells(head))
          wrong.push(`${page}:${at + 1}: ${cells(lines[at]!)} cells, not ${cells(head)}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(count > 50, `only ${count} tables were found`);
});
