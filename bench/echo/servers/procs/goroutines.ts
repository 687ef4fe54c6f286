// Loaded in each P.
import { runtime } from 'gopark/runtime';
import { proc } from 'gopark/serve';
import type { Arguments } from '../arguments.ts';
import { handlerFor } from '../gopark-handlers.ts';

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};

export default handlerFor(proc().data as Arguments);
