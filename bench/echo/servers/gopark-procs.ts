// gopark on several Ps: threads that serve. Environment: PROCS, and MODEL, `goroutines` or `eventloop`.
import { env } from 'node:process';
import { serve } from 'gopark/serve';
import { serverArguments } from './arguments.ts';

const server = await serve({
  listen: 'tcp://127.0.0.1:0',
  handler: new URL(`procs/${env.MODEL}.js`, import.meta.url),
  procs: Number(env.PROCS),
  data: serverArguments(),
});
console.log(server.addr.slice(server.addr.lastIndexOf(':') + 1));
