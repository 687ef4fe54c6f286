// node:dgram: one event a datagram.
import { createSocket } from 'node:dgram';
import { serveCount } from './count.js';

let received = 0;
const socket = createSocket('udp4', (_message, from) => {
  if (from.port !== 0) received++;
});
socket.bind(0, '127.0.0.1', () => serveCount(socket.address().port, () => received));
