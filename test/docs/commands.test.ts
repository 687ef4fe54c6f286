// The commands on the pages: their npm scripts, files and options exist, and the quick ones run.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './docstrings.ts';
import { blocksOf, pages, textOf } from './markdown.ts';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

interface Command {
  where: string;
  words: string[];
}

/** Lines of sh blocks, continued lines put together, comments and what a pipe leads to left out. */
function commands(): Command[] {
  const found: Command[] = [];
  for (const page of pages()) {
    for (const { language, line, code } of blocksOf(page)) {
      if (language !== 'sh') continue;
      for (const text of code.replace(/\\\n\s*/g, ' ').split('\n')) {
        const words = text
          .replace(/\s#.*$/, '')
          .trim()
          .split(/\s+/)
          .filter((word) => !/^[A-Z_]+=/.test(word));
        if (words[0] !== '' && words[0] !== '#') found.push({ where: `${page}:${line}: ${text}`, words });
      }
    }
  }
  return found;
}

function sourceOf(folder: string): string {
  const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
    .join('\n');
}

/** Options that none of the folders' sources knows. */
function unknownOptions(words: readonly string[], folders: readonly string[]): string[] {
  const text = folders
    .filter((folder) => existsSync(join(root, folder)))
    .map(sourceOf)
    .join('\n');
  const names = words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.slice(2).split('=')[0]!);
  return names.filter((name) => name !== 'help' && !new RegExp(`\\b${name}['"]?\\s*:|'${name}'`).test(text));
}

const DRIVER_OPTION = ['--driver'];

/** What is wrong with a command, or null; undefined for programs that are not ours. */
function fault(words: readonly string[]): string | null | undefined {
  const [program, ...rest] = words[0] === 'npx' ? words.slice(1) : words;
  if (program === 'npm') {
    const name = rest[0] === 'run' ? rest[1]! : rest[0]!;
    if (name === 'install') return null;
    if (scripts[name] === undefined) return `there is no npm script ${name}`;
    if (name === 'test')
      return rest.filter((word) => /^--[a-z]/.test(word) && !DRIVER_OPTION.includes(word))[0] ?? null;
    const options = rest.slice(rest.indexOf('--') + 1).filter((word) => word !== '--serve');
    const folders =
      name === 'start'
        ? ['src/cli/gateway', 'src/cli/demo']
        : [name === 'bench' ? 'bench/suite' : `bench/${name.replace('bench:', '')}`, 'bench/lib'];
    return name.startsWith('bench') || name === 'start'
      ? unknownOptions(options, folders).join(' ') || null
      : null;
  }
  if (program === 'gopark') {
    const [command = ''] = rest;
    if (['version', 'help', '--help'].includes(command)) return null;
    const folders = [`src/cli/${command}`, ...(command === 'gateway' ? ['src/cli/demo'] : [])];
    if (!existsSync(join(root, folders[0]!))) return `there is no command ${command}`;
    return unknownOptions(rest, folders).join(' ') || null;
  }
  if (program === 'node') {
    const file = rest.find((word) => /\.(m?js|ts)$/.test(word));
    if (file === undefined) return undefined;
    const source = file.replace(/^build\//, '').replace(/\.js$/, '.ts');
    if (!existsSync(join(root, file)) && !existsSync(join(root, source))) return undefined;
    return file.startsWith('build/examples/')
      ? unknownOptions(rest, [join(source, '..')]).join(' ') || null
      : null;
  }
  return undefined;
}

test('the commands in sh blocks exist, with their options', (t) => {
  const all = commands();
  const checked = all.map(({ where, words }) => ({ where, fault: fault(words) }));
  const foreign = checked.filter((one) => one.fault === undefined);
  t.diagnostic(`${all.length} commands, ${foreign.length} of other programs`);
  assert.deepEqual(
    checked.filter((one) => typeof one.fault === 'string'),
    [],
  );
  assert.ok(all.length - foreign.length > 25, `only ${all.length - foreign.length} commands of ours`);
});

test('npm scripts and gopark commands that are named anywhere exist', () => {
  const wrong: string[] = [];
  const cli = readFileSync(join(root, 'src/cli/main.ts'), 'utf8');
  for (const page of pages()) {
    const text = textOf(page);
    for (const [, name] of text.matchAll(/npm run ([\w:-]*\w)/g)) {
      if (scripts[name!] === undefined) wrong.push(`${page}: npm run ${name}`);
    }
    for (const [, name] of text.matchAll(/`(?:npx )?gopark ([a-z]+)\b/g)) {
      if (!cli.includes(`case '${name}'`)) wrong.push(`${page}: gopark ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

for (const args of [
  ['version'],
  ['help'],
  ['doctor'],
  ['doctor', '--json'],
  ['gateway', '--help'],
  ['proxy', '--help'],
  ['bench', '--help'],
  ['journal', '--help'],
]) {
  test(`gopark ${args.join(' ')} runs`, () => {
    const main = join(root, 'dist/cli/main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    assert.ok(stdout.length > 10);
  });
}
