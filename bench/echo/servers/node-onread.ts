// node:net with one read buffer for all connections (`onread`). Node offers that to clients only: an accepted socket's
// handle goes into a new socket. What was read has to be copied before it is written, because the next read is into it.
import { Socket } from 'node:net';
import { serverArguments } from './arguments.ts';
import { Lines } from './messages.ts';
import { listenWithNode } from './node-listen.ts';

const { mode, buffer } = serverArguments();
const shared = Buffer.alloc(Math.max(buffer, 64 * 1024));

interface WithHandle {
  _handle: unknown;
}

function serve(accepted: Socket): void {
  const lines = new Lines();
  const socket = new Socket({
    handle: (accepted as unknown as WithHandle)._handle,
    onread: {
      buffer: shared,
      callback(length: number) {
        const chunk = shared.subarray(0, length);
        const answer = mode === 'lines' ? lines.in(chunk) : chunk;
        return answer === null || socket.write(Buffer.from(answer));
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
  (accepted as unknown as WithHandle)._handle = null;
  socket.on('error', () => {});
  socket.on('close', () => accepted.destroy());
  socket.on('drain', () => socket.resume());
  socket.on('end', () => socket.end());
  socket.setNoDelay(true);
  socket.resume();
}

listenWithNode(serve, { pauseOnConnect: true });
