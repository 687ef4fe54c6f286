// node:net in straight-line style: for await over the socket, and each write awaited.
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { serverArguments } from './arguments.ts';
import { Messages } from './messages.ts';
import { listenWithNode } from './node-listen.ts';

const { mode, size } = serverArguments();

function write(socket: Socket, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function serve(socket: Socket): Promise<void> {
  if (mode === 'lines') {
    for await (const line of createInterface({ input: socket })) await write(socket, `${line}\n`);
    return;
  }
  const messages = new Messages(size);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (mode === 'echo') await write(socket, chunk);
    else for (const message of messages.of(chunk)) await write(socket, message);
  }
}

listenWithNode((socket) => {
  // readline passes on nothing of its input's errors.
  socket.on('error', () => {});
  serve(socket).catch(() => socket.destroy());
});
