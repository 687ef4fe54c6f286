import type { TestContext } from 'node:test';
import { listen } from 'gopark/net';
import type { Config } from '#examples/redis/config.js';
import { eventLoopFor } from '#examples/redis/serve.js';
import { Server } from '#examples/redis/server.js';

/** Our server, in this process, until the test ends. */
export async function startExample(
  t: TestContext,
  config: Partial<Config> = {},
): Promise<{ server: Server; port: number }> {
  const server = new Server(config);
  const listener = await listen('tcp', '127.0.0.1:0');
  const loop = eventLoopFor(server);
  const serving = loop.serve(listener);
  t.after(async () => {
    await loop.shutdown({ timeout: 0 });
    await serving;
    server.stop();
  });
  const { port } = listener.addr as { port: number };
  return { server, port };
}
