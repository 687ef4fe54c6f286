import type { ServerStats } from '../serve/index.ts';
import type { Metric, Sample } from './metrics.ts';

/**
 * The Ps of a server as metrics, each with the label `p`: what no thread can say of itself when it hangs.
 *
 * @example
 * ```ts
 * import { metrics, prometheusText, serverMetrics } from 'gopark/debug';
 * import { serve } from 'gopark/serve';
 *
 * const server = await serve({ listen: 'tcp://127.0.0.1:9000', handler: new URL('./handler.js', import.meta.url) });
 * setInterval(() => console.log(prometheusText([...metrics(), ...serverMetrics(server.stats())])), 10_000);
 * ```
 */
export function serverMetrics({ procs, moves }: ServerStats): Metric[] {
  const gauge = (
    name: string,
    help: string,
    value: (proc: ServerStats['procs'][number]) => number,
  ): Metric => {
    const samples = procs.map((proc): Sample => ({ value: value(proc), labels: { p: String(proc.index) } }));
    return { name: `gopark.p.${name}`, kind: 'gauge', help, samples };
  };
  const restarts = gauge('restarts', 'How often it has died and was started again.', (proc) => proc.restarts);
  return [
    gauge('ready', 'Whether it serves: 1 or 0.', ({ state }) => (state === 'ready' ? 1 : 0)),
    gauge('connections', 'Connections of a P.', ({ connections }) => connections),
    gauge('goroutines', 'Goroutines of a P.', ({ goroutines }) => goroutines),
    gauge('utilization', 'The part of the last 0.1 s in which it did not sleep.', (proc) => proc.utilization),
    gauge('runnable', 'Connections ready at the same time, on average.', ({ runnable }) => runnable),
    { ...restarts, kind: 'counter' },
    {
      name: 'gopark.p.moves',
      kind: 'counter',
      help: 'Connections that went from one P to another.',
      samples: moves.map(({ from, to, what, why, count }) => ({
        value: count,
        labels: { from: String(from), to: String(to), what, why },
      })),
    },
  ];
}
