import assert from 'node:assert/strict';
import type { Scenario } from '../programs.ts';

export const operating: Record<string, Scenario> = {
  'docs/operating.md#watching': {
    // By itself the page keeps no process alive.
    after: 'setInterval(() => {}, 1000);\n',
    drive: async (running) => {
      const ask = async (path: string) => {
        const peer = await running.connect(9090);
        peer.send(`GET ${path} HTTP/1.0\r\n\r\n`);
        return peer.all();
      };
      assert.match(
        await ask('/metrics'),
        /\r\n\r\n[\s\S]*^gopark_goroutines 0$[\s\S]*^gopark_loop_turns_total \d+$/m,
      );
      assert.match(await ask('/stack'), /no goroutines/);
      assert.match(await ask('/'), /<title>gopark<\/title>/);
      running.kill();
    },
    exit: 'SIGKILL',
  },
  'docs/debugging.md#prometheus': { stdout: /^gateway_orders_total 1$/m },
  'docs/debugging.md#otel': {
    before: `import { type Meter, type Observation } from 'gopark/debug';
let collect: (result: Observation) => void = () => {};
const meter: Meter = {
  createObservableGauge: (name) => ({ name }),
  createObservableCounter: (name) => ({ name }),
  addBatchObservableCallback(callback) { collect = callback; },
  removeBatchObservableCallback() { collect = () => {}; },
};
`,
    after: `collect({ observe: (instrument, value) => console.log(instrument, value) });
stop();
`,
    stdout: /\{ name: 'gopark\.loop\.active' \} \d/,
  },
};
