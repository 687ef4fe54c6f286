// node:net in the style that is fastest there: data events, writes that nobody waits for, pauses while buffers are full.
import type { Socket } from 'node:net';
import { serverArguments } from './arguments.ts';
import { Lines, Messages } from './messages.ts';
import { listenWithNode } from './node-listen.ts';

const { mode, size } = serverArguments();

function answer(socket: Socket): (chunk: Buffer) => boolean {
  if (mode === 'lines') {
    const lines = new Lines();
    return (chunk) => {
      const whole = lines.in(chunk);
      return whole === null || socket.write(whole);
    };
  }
  if (mode === 'echo') return (chunk) => socket.write(chunk);
  const messages = new Messages(size);
  return (chunk) => {
    let room = true;
    for (const message of messages.of(chunk)) room = socket.write(message);
    return room;
  };
}

listenWithNode((socket) => {
  const received = answer(socket);
  socket.on('error', () => {});
  socket.on('drain', () => socket.resume());
  socket.on('data', (chunk: Buffer) => {
    if (!received(chunk)) socket.pause();
  });
});
