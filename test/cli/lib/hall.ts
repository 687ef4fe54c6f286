import type { TestContext } from 'node:test';
import { go } from 'gopark';
import { type Connection, EventLoop } from 'gopark/eventloop';
import { listen } from 'gopark/net';
import { type Counters, newCounters } from '#dist/cli/gateway/counters.js';
import { listenOptionsFor, loopLimits } from '#dist/cli/gateway/gateway.js';
import { Hall } from '#dist/cli/gateway/hall.js';
import type { Journal } from '#dist/cli/gateway/journal/journal.js';
import { Market } from '#dist/cli/gateway/market.js';
import { defaultOptions } from '#dist/cli/gateway/options.js';
import { Places } from '#dist/cli/gateway/places.js';

/** The connections' part of a gateway, in this process, with room for one connection. */
export async function serveHall(
  t: TestContext,
  journal: Journal | null,
): Promise<{ hall: Hall; counters: Counters; port: number; conns: Connection[] }> {
  const options = { ...defaultOptions, maxConnections: 1, sendBuffer: 4096 };
  const counters = newCounters();
  const hall = new Hall({
    options,
    counters,
    stats: () => counters,
    admission: new Places(options),
    market: new Market(options.maxSymbols, counters),
    journal,
    nextSequence: () => 1,
    onTrouble: () => {},
  });
  const conns: Connection[] = [];
  const onPrepare = (conn: Connection) => {
    conns.push(conn);
    hall.onPrepare(conn);
  };
  const { onRequest, onDisconnect } = hall;
  const loop = new EventLoop({ onPrepare, onRequest, onDisconnect, ...loopLimits });
  const listener = await listen('tcp', '127.0.0.1:0', listenOptionsFor(options));
  const serving = go(() => loop.serve(listener)).done;
  t.after(async () => {
    hall.cutOff();
    await hall.finish();
    await loop.shutdown();
    await serving;
  });
  return { hall, counters, port: listener.addr.port, conns };
}
