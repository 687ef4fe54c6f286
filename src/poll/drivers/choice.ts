import { findNative, type LoadedNative, type Native } from './epoll/native.ts';
import { describeRefusal, type Trial, tryRing } from './uring/trial.ts';

export type DriverName = 'epoll' | 'uring' | 'portable';

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

/** `GOPARK_DRIVER` names a driver that does not exist or cannot run here. */
export class DriverError extends Error {
  readonly code = 'ERR_DRIVER';

  constructor(message: string) {
    super(message);
    this.name = 'DriverError';
  }
}

const URING = { driver: 'uring', why: 'only when GOPARK_DRIVER=uring asks for it' };

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
 * @param asked the value of `GOPARK_DRIVER`, '' for none
 * @param load only called where native code is in question: who asks for portable gets none loaded
 * @param attempt only called for who asks for uring: where a filter of system calls is strict, to try is to end
 */
export function decide(
  platform: string,
  asked: string,
  load: () => LoadedNative,
  attempt: (native: Native) => Trial = tryRing,
): Decision {
  if (asked === 'portable')
    return portable('GOPARK_DRIVER asks for it', 'GOPARK_DRIVER asks for portable', false);
  if (!['', 'epoll', 'uring'].includes(asked)) {
    return impossible(
      `GOPARK_DRIVER=${JSON.stringify(asked)}: no such driver; there are epoll, uring and portable`,
      [],
    );
  }
  const forced = asked !== '';
  const loaded = load();
  const lesser = {
    driver: 'portable',
    why: forced ? `GOPARK_DRIVER asks for ${asked}` : 'epoll can run, and does more for less',
  };
  if ('why' in loaded) {
    if (asked === 'epoll') {
      return impossible(`GOPARK_DRIVER=epoll: epoll cannot run here: ${loaded.why}`, [lesser, URING]);
    }
    const uring = asked === 'uring' ? { driver: 'uring', why: loaded.why } : URING;
    return platform === 'linux' || asked === 'uring'
      ? portable('epoll cannot run', loaded.why, true, uring)
      : portable(`it is the driver for ${platform}`, loaded.why, false);
  }
  const found = { nativeFile: loaded.file, native: loaded.native };
  if (asked === 'uring') return withRing(found, lesser, attempt(loaded.native));
  const why = forced ? 'GOPARK_DRIVER asks for it' : 'its native part is there';
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
  { native, nativeFile }: { native: Native; nativeFile: string },
  lesser: DriverChoice['others'][number],
  { refusal }: Pick<Trial, 'refusal'>,
): Decision {
  if (refusal !== null) {
    const others = [{ driver: 'uring', why: describeRefusal(refusal) }, lesser];
    const why = 'GOPARK_DRIVER asks for uring, which cannot run';
    return { choice: { driver: 'epoll', why, nativeFile, degraded: true, others }, native };
  }
  const why = 'GOPARK_DRIVER asks for it';
  const others = [{ driver: 'epoll', why: 'GOPARK_DRIVER asks for uring' }, lesser];
  return { choice: { driver: 'uring', why, nativeFile, degraded: false, others }, native };
}

let decided: Decision | null = null;

/** The choice for this thread with the native part that it goes by, made once. */
export function decision(): Decision {
  decided ??= decide(process.platform, process.env.GOPARK_DRIVER ?? '', findNative);
  return decided;
}

/** The kernel gave a ring on trial, and refuses it now: epoll after all. */
export function reviseChoice({ choice, native }: Decision, refusal: Trial['refusal']): Decision {
  decided = withRing({ native: native!, nativeFile: choice.nativeFile! }, choice.others[1]!, { refusal });
  return decided;
}

/** The choice for this thread. Opens no socket and never throws. */
export function driverChoice(): DriverChoice {
  return decision().choice;
}
