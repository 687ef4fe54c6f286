// node:net in the style that is fastest there: data events, writes that nobody waits for, pauses while buffers are full.
import { createServer, type Socket } from 'node:net';
import { argv } from 'node:process';
import { Messages } from './messages.ts';

const [mode, size] = [argv[2], Number(argv[3])];

function serve(socket: Socket): void {
  const messages = new Messages(size);
  socket.on('error', () => {});
  socket.on('drain', () => socket.resume());
  socket.on('data', (chunk: Buffer) => {
    let room = true;
    if (mode === 'echo') room = socket.write(chunk);
    else for (const message of messages.of(chunk)) room = socket.write(message);
    if (!room) socket.pause();
  });
}

const server = createServer({ noDelay: true }, serve);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(address.port);
});
