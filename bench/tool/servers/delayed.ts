// An echo server whose latencies are known: 2 ms, and 20 ms for one message in 33. It takes messages of 64 B.
import { type AddressInfo, createServer } from 'node:net';

const SIZE = 64;
let messages = 0;
const server = createServer({ noDelay: true }, (socket) => {
  let held = Buffer.alloc(0);
  // The load leaves with answers under way.
  socket.on('error', () => {});
  socket.on('data', (data: Buffer) => {
    held = Buffer.concat([held, data]);
    for (; held.length >= SIZE; held = held.subarray(SIZE)) {
      const message = held.subarray(0, SIZE);
      setTimeout(() => socket.write(message), ++messages % 33 === 0 ? 20 : 2);
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
