// `npm start`: set up, then the main job, the trading gateway with its load. Arguments go to `gopark gateway`.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

setup({ projects: ['src'] });
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const serveOnly = process.argv.includes('--serve');
const args = process.argv.slice(2).filter((argument) => argument !== '--serve');
const mode = serveOnly ? [] : ['--demo'];
const child = spawn(process.execPath, [main, 'gateway', ...mode, ...args], { stdio: 'inherit' });
// A terminal sends Ctrl-C to both; a supervisor signals only us.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 1 : 128);
});
