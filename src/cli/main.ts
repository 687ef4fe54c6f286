#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { IOError } from '../io/errors.ts';
import { DriverError } from '../poll/drivers/choice.ts';
import { escapeText } from '../runtime/escape.ts';
import { UsageError } from './gateway/options.ts';

const usage = `gopark <command>

  gateway    a market-data and order gateway; gopark gateway --help
  proxy      pass connections on to upstreams: TCP, Unix, TLS by name; gopark proxy --help
  bench      put a server under load, and say how fast it answers; gopark bench --help
  journal    print a gateway's journal; gopark journal --help
  doctor     which driver runs and why, what limits this machine sets; gopark doctor --help
  version    print the version
  help       print this`;

// Each command is loaded when it is asked for: Node opens all files of a program at once, and with few descriptors
// the gateway shall say so itself.
async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'gateway':
      return (await import('./gateway/command.ts')).gatewayCommand(rest);
    case 'proxy':
      return (await import('./proxy/command.ts')).proxyCommand(rest);
    case 'bench':
      return (await import('./bench/command.ts')).benchCommand(rest);
    case 'journal':
      return (await import('./journal/command.ts')).journalCommand(rest);
    case 'doctor':
      return (await import('./doctor/index.ts')).doctorCommand(rest);
    case 'version':
    case '--version': {
      const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
      console.log(`gopark ${version}, Node ${process.version}`);
      return 0;
    }
    case 'help':
    case '--help':
    case undefined:
      console.log(usage);
      return command === undefined ? 2 : 0;
    default:
      throw new UsageError(`unknown command ${JSON.stringify(command)}`);
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    const command = process.argv[2]!;
    const more = usage.includes(`gopark ${command} --help`) ? `gopark ${command} --help says more` : usage;
    console.error(`gopark: ${error.message}\n${more}`);
    process.exitCode = 2;
  } else if (error instanceof IOError || error instanceof DriverError) {
    console.error(`gopark: ${escapeText(error.message)}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
