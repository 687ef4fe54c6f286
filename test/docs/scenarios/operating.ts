import assert from 'node:assert/strict';
import type { Scenario } from '../programs.ts';

export const operating: Record<string, Scenario> = {
  'docs/operating.md#watching': {
    drive: async (running) => {
      const ask = async (path: string) => {
        const peer = await running.connect(9090);
        peer.send(`GET ${path} HTTP/1.0\r\n\r\n`);
        return peer.all();
      };
      assert.match(await ask('/metrics'), /\r\n\r\ngopark_goroutines 0\n.*gopark_turns \d+\n$/s);
      assert.match(await ask('/stack'), /no goroutines/);
      running.kill();
    },
    exit: 'SIGKILL',
  },
};
