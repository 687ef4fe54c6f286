// The proxy that node:net makes easy: stream.pipeline both ways. Prints its port.
import { type AddressInfo, connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [host, port] = process.argv[2]!.split(':');

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const upstream = connect({ host: host!, port: Number(port), allowHalfOpen: true, noDelay: true });
  // An error ends both streams; pipeline has destroyed them by then.
  const ended = () => {};
  pipeline(client, upstream, ended);
  pipeline(upstream, client, ended);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
