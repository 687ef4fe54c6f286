// Loaded in each P.
import { runtime } from 'gopark/runtime';
import { proc } from 'gopark/serve';
import type { Arguments } from '../arguments.ts';
import { callbackFor } from '../gopark-callbacks.ts';

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};

export const onRequest = callbackFor(proc().data as Arguments);
