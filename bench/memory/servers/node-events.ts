// Idle connections in node:net: a data listener each.
import { createServer } from 'node:net';
import { report } from '../../lib/server-report.ts';

let open = 0;
const server = createServer({ noDelay: true }, (socket) => {
  open++;
  socket.on('error', () => {});
  socket.on('close', () => open--);
  socket.on('data', (chunk) => socket.write(chunk));
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') void report(address.port, () => open);
});
