// gopark: one datagram a call, or as many as there are.
import { argv } from 'node:process';
import { type Datagram, listenPacket, type UDPAddr } from 'gopark/net';
import { serveCount } from './count.js';

let received = 0;
const conn = await listenPacket('udp4', '127.0.0.1:0');
serveCount(conn.localAddr.port, () => received);
if (argv[2] === 'batch') {
  const messages = Array.from({ length: 32 }, (): Datagram<UDPAddr> => {
    return { data: new Uint8Array(2048), length: 0, addr: null };
  });
  for (;;) received += await conn.receiveBatch(messages);
} else if (argv[2] === 'read') {
  const p = new Uint8Array(2048);
  for (;;) {
    await conn.read(p);
    received++;
  }
} else {
  const p = new Uint8Array(2048);
  for (;;) {
    const [, from] = await conn.receive(p);
    if (from !== null) received++;
  }
}
