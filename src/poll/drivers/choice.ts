import { findNative, type LoadedNative, type Native } from './epoll/native.ts';

export type DriverName = 'epoll' | 'portable';

/** Which driver runs in this thread, and why. */
export interface DriverChoice {
  /** Null: the one that was asked for cannot run. */
  readonly driver: DriverName | null;
  readonly why: string;
  /** The file that epoll's native part came from. */
  readonly nativeFile: string | null;
  /** Whether the choice is a lesser one than this platform could have: worth a line to the user. */
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

const URING = { driver: 'uring', why: 'not part of this version' };

interface Decision {
  readonly choice: DriverChoice;
  readonly native: Native | null;
}

function impossible(why: string, others: DriverChoice['others']): Decision {
  return { choice: { driver: null, why, nativeFile: null, degraded: false, others }, native: null };
}

function portable(why: string, whyNotEpoll: string, degraded: boolean): Decision {
  const others = [{ driver: 'epoll', why: whyNotEpoll }, URING];
  return { choice: { driver: 'portable', why, nativeFile: null, degraded, others }, native: null };
}

/**
 * Makes the choice.
 *
 * @param asked the value of `GOPARK_DRIVER`, '' for none
 * @param load only called where epoll is in question: who asks for portable gets no native code loaded
 */
export function decide(platform: string, asked: string, load: () => LoadedNative): Decision {
  switch (asked) {
    case '':
    case 'epoll':
      break;
    case 'portable':
      return portable('GOPARK_DRIVER asks for it', 'GOPARK_DRIVER asks for portable', false);
    case 'uring':
      return impossible(
        'GOPARK_DRIVER=uring: the io_uring driver is not part of this version; there are epoll and portable',
        [],
      );
    default:
      return impossible(
        `GOPARK_DRIVER=${JSON.stringify(asked)}: no such driver; there are epoll and portable`,
        [],
      );
  }
  const forced = asked === 'epoll';
  const loaded = load();
  const others = [
    {
      driver: 'portable',
      why: forced ? 'GOPARK_DRIVER asks for epoll' : 'epoll can run, and does more for less',
    },
    URING,
  ];
  if ('why' in loaded) {
    if (forced) return impossible(`GOPARK_DRIVER=epoll: epoll cannot run here: ${loaded.why}`, others);
    return platform === 'linux'
      ? portable('epoll cannot run', loaded.why, true)
      : portable(`it is the driver for ${platform}`, loaded.why, false);
  }
  const why = forced ? 'GOPARK_DRIVER asks for it' : 'its native part is there';
  return {
    choice: { driver: 'epoll', why, nativeFile: loaded.file, degraded: false, others },
    native: loaded.native,
  };
}

let decided: Decision | null = null;

/** The choice for this thread with the native part that it goes by, made once. */
export function decision(): Decision {
  decided ??= decide(process.platform, process.env.GOPARK_DRIVER ?? '', findNative);
  return decided;
}

/** The choice for this thread. Starts nothing and never throws. */
export function driverChoice(): DriverChoice {
  return decision().choice;
}
