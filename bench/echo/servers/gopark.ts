// gopark, goroutines, one P.
import { listen } from 'gopark/net';
import { runtime } from 'gopark/runtime';
import { serverArguments } from './arguments.ts';
import { handlerFor } from './gopark-handlers.ts';

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};
const listener = await listen('tcp', '127.0.0.1:0');
console.log(listener.addr.port);
await listener.serve(handlerFor(serverArguments()));
