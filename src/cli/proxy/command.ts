import { parseArgs } from 'node:util';
import { go } from '../../runtime/index.ts';
import { UsageError } from '../gateway/usage.ts';
import { descriptorLimit, descriptorShortage } from '../lib/descriptor-limit.ts';
import { keepHeapSmall } from '../lib/heap.ts';
import { type ProxyOptions, proxyArguments, proxyOptions, proxyUsage } from './options.ts';
import { ProxyServer } from './proxy.ts';

/** Beside connections: files, listeners, the pipes of copies under way. Of a low limit a quarter: without pipes it goes by memory. */
const SPARE = 256;
const SPARE_PART = 4;

/** Descriptors of a pair: the client's and the upstream's. */
const PER_CONNECTION = 2;

/** How many connections each listener may have; a text: why not. */
function mostConnections({ maxConnections, listen }: ProxyOptions): number | string {
  if (maxConnections !== null) {
    const shortage = descriptorShortage(maxConnections, PER_CONNECTION * listen.length);
    const each = listen.length === 1 ? '' : ', of each --listen';
    return shortage === null
      ? maxConnections
      : `${shortage}\nEach client needs two. The option is --max-connections${each}.`;
  }
  const limit = Math.min(descriptorLimit(), 2 ** 20);
  const spare = Math.min(SPARE, Math.floor(limit / SPARE_PART));
  return Math.max(1, Math.floor((limit - spare) / PER_CONNECTION / listen.length));
}

/** `gopark proxy ...`: the exit code. */
export async function proxyCommand(args: string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    console.log(proxyUsage);
    return 0;
  }
  const options = proxyOptions(values);
  const most = mostConnections(options);
  if (typeof most === 'string') {
    console.error(`gopark proxy: ${most}`);
    return 1;
  }
  keepHeapSmall();
  const hurry = new AbortController();
  const stopped = stopSignals(hurry);
  const proxy = await ProxyServer.start(options, most);
  process.on('SIGUSR2', () => {
    go(async () => console.log(JSON.stringify(await proxy.report())));
  });
  for (const { addr } of proxy.listeners) console.log(`listening on ${addr}`);
  if (proxy.admin !== null) console.log(`answering questions on ${proxy.admin.addr}`);
  const signal = await stopped;
  console.log(`${signal}: draining ${proxy.counters.active} connections`);
  const cutOff = await proxy.shutdown({ timeout: options.drain, signal: hurry.signal });
  if (cutOff > 0) console.log(`${cutOff} connections were cut off`);
  return 0;
}

/** Resolves with the first signal to stop; a second one fires `hurry`. */
function stopSignals(hurry: AbortController): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) hurry.abort();
        asked = true;
        resolve(signal);
      });
    }
  });
}

function parse(args: string[]): Record<string, unknown> {
  try {
    const flags = { help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args, options: { ...proxyArguments, ...flags } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
