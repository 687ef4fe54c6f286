import { gunzipSync } from 'node:zlib';
import { isAtLeast, readNumber, readText, type System } from './system.ts';

/** Something of the kernel that gopark uses, or will. */
export interface Feature {
  readonly name: string;
  readonly state: 'yes' | 'no' | 'unknown';
  readonly detail: string;
}

const yes = (name: string, detail = ''): Feature => ({ name, state: 'yes', detail });
const no = (name: string, detail: string): Feature => ({ name, state: 'no', detail });
const unknown = (name: string, detail: string): Feature => ({ name, state: 'unknown', detail });

/** How the kernel was configured, where it says. */
function kernelConfig(system: System): string | null {
  const packed = system.readBytes('/proc/config.gz');
  if (packed !== null) {
    try {
      return gunzipSync(packed).toString('latin1');
    } catch {
      // Not what it seems to be; the file of the distribution may be there.
    }
  }
  return readText(system, `/boot/config-${system.release}`);
}

/** As far as it can be told without trying: only a system call would know for sure. */
function ioUring(system: System): Feature {
  const name = 'io_uring';
  if (!isAtLeast(system.release, 5, 1)) return no(name, 'since Linux 5.1');
  const config = kernelConfig(system);
  if (config !== null && !config.includes('CONFIG_IO_URING=y'))
    return no(name, 'this kernel was built without it');
  const switched = readNumber(system, '/proc/sys/kernel/io_uring_disabled');
  if (switched === null && isAtLeast(system.release, 6, 6))
    return no(name, 'this kernel was built without it');
  if (switched === 2) return no(name, 'switched off: kernel.io_uring_disabled = 2');
  if (switched === 1)
    return unknown(name, 'only for the privileged and kernel.io_uring_group: kernel.io_uring_disabled = 1');
  if (/^Seccomp:\s*2$/m.test(readText(system, '/proc/self/status') ?? '')) {
    return unknown(name, 'a seccomp filter is at work, and those of containers often forbid it');
  }
  return yes(name, 'not tried');
}

function ipv6(system: System): Feature {
  const interfaces = readText(system, '/proc/net/if_inet6');
  return interfaces === null || interfaces === '' ? no('IPv6', 'no interface has an address') : yes('IPv6');
}

/** The kernel's features that matter, found without native code. */
export function kernelFeatures(system: System): Feature[] {
  if (system.platform !== 'linux') {
    return ['epoll', 'io_uring', 'SO_REUSEPORT', 'splice'].map((name) =>
      unknown(name, 'not looked for here'),
    );
  }
  const since = (name: string, major: number, minor: number) =>
    isAtLeast(system.release, major, minor) ? yes(name) : no(name, `since Linux ${major}.${minor}`);
  return [
    system.readBytes('/proc/sys/fs/epoll/max_user_watches') === null
      ? unknown('epoll', 'the kernel does not say')
      : yes('epoll'),
    ioUring(system),
    since('SO_REUSEPORT', 3, 9),
    since('splice', 2, 6),
    ipv6(system),
  ];
}
