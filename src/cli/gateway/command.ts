import { parseArgs } from 'node:util';
import { escapeText } from '../../runtime/escape.ts';
import { demoOptions, parseDemo, runDemo } from '../demo/index.ts';
import { descriptorShortage } from '../lib/descriptor-limit.ts';
import { keepHeapSmall } from '../lib/heap.ts';
import { gatewayArguments, gatewayOptions, gatewayUsage, UsageError } from './options.ts';
import { describeProcs, startGateway } from './start.ts';

/** `gopark gateway ...`: the exit code. */
export async function gatewayCommand(args: string[]): Promise<number> {
  const { values } = parse(args);
  if (values.help) {
    console.log(gatewayUsage);
    return 0;
  }
  const options = gatewayOptions(values);
  keepHeapSmall();
  if (values.demo) return runDemo(options, parseDemo(values));
  const shortage = descriptorShortage(options.maxConnections);
  if (shortage !== null) {
    console.error(`gopark gateway: ${shortage}\nThe option is --max-connections.`);
    return 1;
  }
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
  const gateway = await startGateway(options);
  console.log(`listening on ${gateway.addr}`);
  if (gateway.report !== null) console.log(escapeText(gateway.report));
  const procs = describeProcs(gateway);
  if (procs !== null) console.log(procs);
  const signal = await stopped;
  console.log(`${signal}: draining ${gateway.counters.connections} connections`);
  const cutOff = await gateway.shutdown();
  if (cutOff > 0) console.log(`${cutOff} connections did not take everything in time`);
  return 0;
}

function parse(args: string[]): { values: Record<string, unknown> } {
  try {
    const flags = { help: { type: 'boolean', short: 'h' }, demo: { type: 'boolean' } } as const;
    return parseArgs({ args, options: { ...gatewayArguments, ...demoOptions, ...flags } });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
