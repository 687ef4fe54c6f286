import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

function run(command: string, args: readonly string[], cwd: string, input?: Buffer): Buffer {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, input, maxBuffer: 2 ** 30 });
  if (status === 0) return stdout;
  const why = error?.message ?? `${stdout}${stderr}`.trim();
  throw new Error(`${command} ${args.slice(0, 3).join(' ')}: ${why}`);
}

const git = (...args: string[]) => run('git', args, root);

/** The commit to compare with: the one that was named, else the last one, or, with nothing changed since, the one before. */
export function commitOf(name: string | undefined): { sha: string; title: string } {
  const changed = () => git('status', '--porcelain', '--', 'src', 'native').length > 0;
  const asked = name ?? (changed() ? 'HEAD' : 'HEAD~1');
  let sha: string;
  try {
    sha = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${asked}^{commit}`).toString().trim();
  } catch {
    throw new Error(`no commit ${JSON.stringify(asked)}`);
  }
  return { sha, title: git('log', '-1', '--format=%h %s', sha).toString().trim() };
}

/** The folder of a build of that commit, made unless it is there. Nothing of it shows in git: no worktree, no branch. */
export function build(sha: string): string {
  const folder = `${root}build/regress/${sha.slice(0, 12)}`;
  const done = `${folder}/.built`;
  if (existsSync(done)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.log(`building ${sha.slice(0, 12)} in build/regress`);
  const files = ['src', 'native', 'scripts', 'package.json', 'tsconfig.base.json'];
  run('tar', ['-x'], folder, git('archive', sha, ...files));
  symlinkSync(`${root}node_modules`, `${folder}/node_modules`);
  run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-b', 'src'], folder);
  // Without a compiler both sides run on the portable driver.
  const native = spawnSync(process.execPath, ['scripts/build-native.mjs'], { cwd: folder, encoding: 'utf8' });
  if (native.status !== 0)
    console.log(`its native part was not built: ${native.stderr.trim().split('\n')[0]}`);
  writeFileSync(done, '');
  return folder;
}
