import { type Connection, dial, EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';
import { connSuite } from '../lib/conn-suite.ts';
import type { MakePair } from '../lib/pair.ts';

/** Two connections of event loops without request handlers: what a Conn has to be. */
const pair: MakePair<Connection> = async (options = {}) => {
  const listener = await listen('tcp', '127.0.0.1:0', options);
  let accepted: (conn: Connection) => void = () => {};
  const accepting = new Promise<Connection>((resolve) => {
    accepted = resolve;
  });
  const loop = new EventLoop({ onPrepare: (conn) => accepted(conn) });
  const serving = loop.serve(listener);
  const a = await dial('tcp', String(listener.addr), { ...options, timeout: 10_000 });
  const b = await accepting;
  await listener.close();
  await serving;
  return { a, b };
};

connSuite('Connection', pair, new Set(['buffered', 'socket']));
