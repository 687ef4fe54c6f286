import { EventLoop } from '../../eventloop/index.ts';
import { IOError } from '../../io/index.ts';
import { listen } from '../../net/index.ts';
import { sleep } from '../../runtime/index.ts';
import type { Plan, Recorder } from './load.ts';
import { LocalLoad } from './local-load.ts';

const CONNECTIONS = 8;
/** Messages a second. */
const RATE = 50_000;
/** So often, for so long each, in milliseconds: what begins and ends a window is practised, too. */
const [TIMES, EACH] = [3, 150];
/** Messages that are longer than this teach V8 nothing more. */
const LARGEST = 1024;

/**
 * Before an open loop is measured V8 is to have compiled what will measure: its compiler takes the core from the load for
 * milliseconds, and at a thousand messages a second a warm-up of a second is not enough for it to come to an end. So this process loads an
 * echo server of its own for half a second, as `plan` says but faster. What `recorder` is told is to be forgotten.
 * A closed loop practises in its warm-up.
 */
export async function practise(plan: Plan, recorder: Recorder): Promise<void> {
  if (plan.rate === null) return;
  const server = new EventLoop({
    onRequest: (conn) => {
      conn.moveTo(conn);
      void conn.flush();
    },
  });
  try {
    const listener = await listen('tcp', '127.0.0.1:0');
    const serving = server.serve(listener);
    const { host, port } = listener.addr;
    const load = new LocalLoad(
      {
        ...plan,
        endpoint: { network: 'tcp', address: `${host}:${port}` },
        connections: Math.min(CONNECTIONS, plan.connections),
        firstConnection: 0,
        payload: plan.payload.subarray(0, LARGEST),
        reply: { kind: 'echo' },
        rate: plan.rate === null ? null : RATE,
        ramp: null,
      },
      recorder,
    );
    try {
      await load.open();
      for (let i = 0; i < TIMES; i++) {
        load.start();
        load.rehearse();
        await sleep(EACH);
        await load.halt();
      }
    } finally {
      await load.close();
      await server.shutdown();
      await serving;
    }
  } catch (error) {
    // Where there is no such address it must do without.
    if (!(error instanceof IOError)) throw error;
  }
}
