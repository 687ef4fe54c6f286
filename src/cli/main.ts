#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { IOError } from '../io/index.ts';
import { DriverError } from '../poll/index.ts';
import { escapeText } from '../runtime/escape.ts';
import { doctorCommand } from './doctor/index.ts';
import { gatewayCommand } from './gateway/command.ts';
import { UsageError } from './gateway/options.ts';
import { journalCommand } from './journal/command.ts';

const usage = `gopark <command>

  gateway    a market-data and order gateway; gopark gateway --help
  journal    print a gateway's journal: gopark journal cat FILE
  doctor     which driver runs and why, what limits this machine sets; gopark doctor --help
  version    print the version
  help       print this`;

async function main(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'gateway':
      return gatewayCommand(rest);
    case 'journal':
      return journalCommand(rest);
    case 'doctor':
      return doctorCommand(rest);
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
    console.error(`gopark: ${error.message}\n${usage}`);
    process.exitCode = 2;
  } else if (error instanceof IOError || error instanceof DriverError) {
    console.error(`gopark: ${escapeText(error.message)}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
