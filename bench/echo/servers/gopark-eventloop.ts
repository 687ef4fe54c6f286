// gopark, event loop, one P.
import { EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';
import { runtime } from 'gopark/runtime';
import { serverArguments } from './arguments.ts';
import { callbackFor } from './gopark-callbacks.ts';

// The load leaves with answers under way: resets are no news.
runtime.onError = () => {};
const listener = await listen('tcp', '127.0.0.1:0');
console.log(listener.addr.port);
await new EventLoop({ onRequest: callbackFor(serverArguments()) }).serve(listener);
