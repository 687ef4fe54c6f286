import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Where a piece of code in a worker imports ours from. */
const sync = new URL('../../../../dist/sync/index.js', import.meta.url).href;
const runtime = new URL('../../../../dist/runtime/index.js', import.meta.url).href;

/** Runs `code`, the body of an async function that has `data`, `sync`, `runtime` and `say`, in a thread of its own. */
export function thread(code: string, data: unknown): Worker {
  const module = `
    const { parentPort, workerData: data } = await import('node:worker_threads');
    const [sync, runtime] = await Promise.all([import(${JSON.stringify(sync)}), import(${JSON.stringify(runtime)})]);
    const say = (what) => parentPort.postMessage(what);
    ${code}
  `;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(module)}`), {
    workerData: data,
    execArgv: [],
    name: fileURLToPath(import.meta.url),
  });
}

/** What it says next. */
export function said(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

/** Resolves with the exit code. */
export function ended(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('exit', resolve);
    worker.once('error', reject);
  });
}
