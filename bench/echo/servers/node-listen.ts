import { createServer, type ServerOpts, type Socket } from 'node:net';
import { report } from '../../lib/server-report.ts';

/** Serves on any port with node:net, and tells of itself when asked. */
export function listenWithNode(serve: (socket: Socket) => void, options: ServerOpts = {}): void {
  let open = 0;
  const server = createServer({ noDelay: true, ...options }, (socket) => {
    open++;
    socket.on('close', () => open--);
    serve(socket);
  });
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') void report(address.port, () => open);
  });
}
