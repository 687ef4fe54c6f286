import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/** Where a piece of code in a worker imports ours from. */
const dist = new URL('../../../dist/', import.meta.url).href;

/**
 * Runs `code`, a module that has `data`, `parentPort`, `say`, and ours as `sync`, `net` and `runtime`, in a thread of
 * its own.
 */
export function thread(code: string, data: unknown): Worker {
  const module = `
    const { parentPort, workerData: data } = await import('node:worker_threads');
    const [sync, net, runtime] = await Promise.all(
      ['sync', 'net', 'runtime'].map((name) => import(${JSON.stringify(dist)} + name + '/index.js')),
    );
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
