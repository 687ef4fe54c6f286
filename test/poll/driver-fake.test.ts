import { driverSuite } from '../lib/driver-suite.ts';
import { FakeDriver, type FakeOptions } from '../lib/fake-driver.ts';
import { seeded } from '../lib/random.ts';

// The fake of the other tests keeps the contract, too, as adverse as it is.
for (const [name, options] of [
  ['fake', {}],
  ['fake without attempts', { attempts: false, poll: false }],
  ['fake, multishot', { multishot: true }],
] as [string, Partial<FakeOptions>][]) {
  const { seed, below } = seeded();
  let fake: FakeDriver | null = null;
  const driver = () => {
    fake ??= new FakeDriver({ choose: below, ...options });
    return fake;
  };
  driverSuite({
    name: `${name}, seed ${seed}`,
    harness: new Set(),
    make: driver,
    step: () => driver().step(),
    pair: () => driver().pair(),
  });
}
