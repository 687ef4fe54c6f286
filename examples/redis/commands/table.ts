import { bitCommands } from './bits.ts';
import { blockingCommands } from './blocking.ts';
import { connectionCommands } from './connection.ts';
import { databaseCommands } from './databases.ts';
import { expiryCommands } from './expiry.ts';
import { hashCommands } from './hashes.ts';
import { keyCommands } from './keys.ts';
import { listCommands } from './lists.ts';
import { CommandNames } from './names.ts';
import { pubsubCommands } from './pubsub.ts';
import { serverCommands } from './server.ts';
import { setCommands } from './sets.ts';
import { sortedSetAlgebraCommands } from './sorted-set-algebra.ts';
import { sortedSetRangeCommands } from './sorted-set-ranges.ts';
import { sortedSetCommands } from './sorted-sets.ts';
import { stringCommands } from './strings.ts';
import { transactionCommands } from './transactions.ts';

/** All commands there are, by family. */
export const commandNames = new CommandNames([
  ...stringCommands,
  ...bitCommands,
  ...keyCommands,
  ...expiryCommands,
  ...listCommands,
  ...hashCommands,
  ...setCommands,
  ...sortedSetCommands,
  ...sortedSetRangeCommands,
  ...sortedSetAlgebraCommands,
  ...blockingCommands,
  ...pubsubCommands,
  ...transactionCommands,
  ...databaseCommands,
  ...connectionCommands,
  ...serverCommands,
]);
