import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';
import { findNative, type LoadedNative, type Native } from './epoll/native.ts';
import { describeRefusal, type Trial, tryRing } from './uring/trial.ts';

/** The drivers, by their names: see docs/drivers.md. */
export type DriverName = 'epoll' | 'uring' | 'portable';

/** Where a driver can be asked for: the environment, or the program. */
export type Asker = 'GOPARK_DRIVER' | 'configureNetwork';

/** Which driver runs in this thread, and why. */
export interface DriverChoice {
  /** Null: the one that was asked for cannot run. */
  readonly driver: DriverName | null;
  readonly why: string;
  /** The file that the native part came from. */
  readonly nativeFile: string | null;
  /** Whether the choice is a lesser one than this platform could have, or than was asked for: worth a line to the user. */
  readonly degraded: boolean;
  readonly others: readonly { readonly driver: string; readonly why: string }[];
}

/**
 * The driver that was asked for, by `GOPARK_DRIVER` or `configureNetwork`, does not exist, cannot run here, or another
 * one runs already.
 *
 * @example
 * ```ts
 * import { configureNetwork, DriverError, listen } from 'gopark/net';
 *
 * await using listener = await listen('tcp', '127.0.0.1:0');
 * try {
 *   configureNetwork({ driver: 'portable' });
 * } catch (error) {
 *   if (!(error instanceof DriverError)) throw error;
 *   console.log(error.code, error.message);
 * }
 * ```
 */
export class DriverError extends Error {
  readonly code = 'ERR_DRIVER';

  constructor(message: string) {
    super(message);
    this.name = 'DriverError';
  }
}

const URING = { driver: 'uring', why: 'only when GOPARK_DRIVER=uring or configureNetwork asks for it' };

interface Decision {
  readonly choice: DriverChoice;
  readonly native: Native | null;
}

function impossible(why: string, others: DriverChoice['others']): Decision {
  return { choice: { driver: null, why, nativeFile: null, degraded: false, others }, native: null };
}

function portable(why: string, whyNotEpoll: string, degraded: boolean, uring = URING): Decision {
  const others = [{ driver: 'epoll', why: whyNotEpoll }, uring];
  return { choice: { driver: 'portable', why, nativeFile: null, degraded, others }, native: null };
}

/**
 * Makes the choice.
 *
 * @param asked a driver, or what `GOPARK_DRIVER` has instead; '' for none
 * @param load only called where native code is in question: who asks for portable gets none loaded
 * @param attempt only called for who asks for uring: where a filter of system calls is strict, to try is to end
 * @param asker who asks
 */
export function decide(
  platform: string,
  asked: string,
  load: () => LoadedNative,
  attempt: (native: Native) => Trial = tryRing,
  asker: Asker = 'GOPARK_DRIVER',
): Decision {
  if (asked === 'portable') return portable(`${asker} asks for it`, `${asker} asks for portable`, false);
  if (!['', 'epoll', 'uring'].includes(asked)) {
    return impossible(
      `${asker}=${JSON.stringify(asked)}: no such driver; there are epoll, uring and portable`,
      [],
    );
  }
  const forced = asked !== '';
  const loaded = load();
  const lesser = {
    driver: 'portable',
    why: forced ? `${asker} asks for ${asked}` : 'epoll can run, and does more for less',
  };
  if ('why' in loaded) {
    if (asked === 'epoll') {
      return impossible(
        `${asker === 'GOPARK_DRIVER' ? 'GOPARK_DRIVER=epoll' : asker}: epoll cannot run here: ${loaded.why}`,
        [lesser, URING],
      );
    }
    const uring = asked === 'uring' ? { driver: 'uring', why: loaded.why } : URING;
    return platform === 'linux' || asked === 'uring'
      ? portable('epoll cannot run', loaded.why, true, uring)
      : portable(`it is the driver for ${platform}`, loaded.why, false);
  }
  const found = { nativeFile: loaded.file, native: loaded.native };
  if (asked === 'uring') return withRing(asker, found, lesser, attempt(loaded.native));
  const why = forced ? `${asker} asks for it` : 'its native part is there';
  const choice: DriverChoice = {
    driver: 'epoll',
    why,
    nativeFile: loaded.file,
    degraded: false,
    others: [lesser, URING],
  };
  return { choice, native: loaded.native };
}

/** Who asks for uring gets epoll where the kernel has no ring for us. */
function withRing(
  asker: Asker,
  { native, nativeFile }: { native: Native; nativeFile: string },
  lesser: DriverChoice['others'][number],
  { refusal }: Pick<Trial, 'refusal'>,
): Decision {
  if (refusal !== null) {
    const others = [{ driver: 'uring', why: describeRefusal(refusal) }, lesser];
    const why = `${asker} asks for uring, which cannot run`;
    return { choice: { driver: 'epoll', why, nativeFile, degraded: true, others }, native };
  }
  const why = `${asker} asks for it`;
  const others = [{ driver: 'epoll', why: `${asker} asks for uring` }, lesser];
  return { choice: { driver: 'uring', why, nativeFile, degraded: false, others }, native };
}

/** What `configureNetwork` asked for; threads that are started later begin with it. */
const KEY = 'gopark.driver';

let decided: Decision | null = null;
/** There is a driver: nothing can be decided any more. */
let running = false;

/** Whoever runs the program has the last word, then the program. */
function request(): { readonly asked: string; readonly asker: Asker } {
  const asked = process.env.GOPARK_DRIVER ?? '';
  if (asked !== '') return { asked, asker: 'GOPARK_DRIVER' };
  return { asked: String(getEnvironmentData(KEY) ?? ''), asker: 'configureNetwork' };
}

/** The choice for this thread with the native part that it goes by, made once. */
export function decision(): Decision {
  if (decided === null) {
    const { asked, asker } = request();
    decided = decide(process.platform, asked, findNative, tryRing, asker);
  }
  return decided;
}

/** The same for who makes the driver: from here on it stays. */
export function finalDecision(): Decision {
  running = true;
  return decision();
}

/** The kernel gave a ring on trial, and refuses it now: epoll after all. */
export function reviseChoice({ choice, native }: Decision, refusal: Trial['refusal']): Decision {
  const found = { native: native!, nativeFile: choice.nativeFile! };
  decided = withRing(request().asker, found, choice.others[1]!, { refusal });
  return decided;
}

/** The choice for this thread. Opens no socket and never throws. */
export function driverChoice(): DriverChoice {
  return decision().choice;
}

/**
 * The program asks for a driver, for this thread and those that it starts from now on, unless `GOPARK_DRIVER` does.
 *
 * @throws DriverError when another one runs already.
 */
export function askFor(driver: DriverName): void {
  if ((process.env.GOPARK_DRIVER ?? '') !== '') return;
  if (getEnvironmentData(KEY) === driver) return;
  if (running && decision().choice.driver !== driver) {
    throw new DriverError(
      `configureNetwork asks for ${driver}, but this thread has opened sockets with ${decision().choice.driver} already: call it before anything else uses the network`,
    );
  }
  setEnvironmentData(KEY, driver);
  if (!running) decided = null;
}
