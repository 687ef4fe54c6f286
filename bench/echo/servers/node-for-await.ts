// node:net in straight-line style: for await over the socket, and each write awaited.
import { createServer, type Socket } from 'node:net';
import { argv } from 'node:process';
import { Messages } from './messages.ts';

const [mode, size] = [argv[2], Number(argv[3])];

function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

async function serve(socket: Socket): Promise<void> {
  const messages = new Messages(size);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (mode === 'echo') await write(socket, chunk);
    else for (const message of messages.of(chunk)) await write(socket, message);
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  serve(socket).catch(() => socket.destroy());
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') console.log(address.port);
});
