// `npm run bench:NAME`: set up, compile the peers that the benchmark needs, run it.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const [name, ...args] = process.argv.slice(2);
setup({ projects: ['bench'] });
const main = fileURLToPath(new URL(`../build/bench/${name}/main.js`, import.meta.url));
const child = spawn(process.execPath, ['--expose-gc', main, ...args], { stdio: 'inherit' });
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
