import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { ArgumentTypeError } from '../io/index.ts';
import { stack } from './dump.ts';
import { complain } from './stderr.ts';

let quit = true;
let installed = false;

export function dumpsOnQuit(): boolean {
  return quit;
}

export function setDumpsOnQuit(on: boolean): void {
  quit = on;
  if (!installed) return;
  process.off('SIGQUIT', onQuit);
  if (on) process.on('SIGQUIT', onQuit);
}

/** Node's signal watchers keep no process alive. */
export function installSignals(): void {
  if (installed || !isMainThread) return;
  installed = true;
  if (quit) process.on('SIGQUIT', onQuit);
  const signal = process.env.GOPARK_DUMP_SIGNAL;
  if (signal === undefined || signal === '') return;
  try {
    dumpOn(signal as NodeJS.Signals);
  } catch (error) {
    complain(`gopark: GOPARK_DUMP_SIGNAL=${signal}: ${(error as Error).message}\n`);
  }
}

export function dumpOn(signal: NodeJS.Signals): () => void {
  // Node would take it for the name of an event that never comes.
  if (!Object.hasOwn(constants.signals, signal)) {
    throw new ArgumentTypeError('signal', "a signal's name", signal);
  }
  const listener = () => complain(`${signal}\n\n${stack()}\n`);
  process.on(signal, listener);
  return () => process.off(signal, listener);
}

function onQuit(): void {
  // Whoever listens too has other plans.
  if (process.listenerCount('SIGQUIT') > 1) return;
  complain(`SIGQUIT: quit\n\n${stack()}`);
  process.exit(2);
}
