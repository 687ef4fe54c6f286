/** Where a sample of `perf` was taken, from the inside of the kernel outwards. */
export const places = [
  'kernel: send',
  'kernel: receive',
  'kernel: epoll',
  'kernel: io_uring',
  'kernel: the rest',
  'C of gopark',
  'C library, clock',
  'libuv, C++ of Node',
  'JavaScript',
  'promises, microtasks',
  'V8: builtins, runtime',
  'V8: garbage',
] as const;

export type Place = (typeof places)[number];

interface Frame {
  readonly symbol: string;
  readonly file: string;
}

const SEND = new Set(['sendto', 'sendmsg', 'write', 'writev']);
const RECEIVE = new Set(['recvfrom', 'recvmsg', 'read', 'readv']);

/** A sample inside the kernel belongs to the system call on its stack. */
function inKernel(frames: readonly Frame[]): Place {
  for (const { symbol } of frames) {
    if (/^io_(?:uring|recv|issue|req|submit|poll|handle|run|cqring|kbuf)/.test(symbol))
      return 'kernel: io_uring';
    const call = /^(?:__x64_sys_|__arm64_sys_|__sys_|ksys_)(\w+)$/.exec(symbol)?.[1];
    if (call === undefined) {
      if (/^(?:do_epoll_wait|ep_poll|ep_send_events)/.test(symbol)) return 'kernel: epoll';
      continue;
    }
    if (SEND.has(call)) return 'kernel: send';
    if (RECEIVE.has(call)) return 'kernel: receive';
    if (call.startsWith('epoll')) return 'kernel: epoll';
    if (call.startsWith('io_uring')) return 'kernel: io_uring';
    return 'kernel: the rest';
  }
  return 'kernel: the rest';
}

function inNode(symbol: string): Place {
  if (symbol.startsWith('Builtins_')) {
    const promises = /Promise|Await|Async|Generator|Microtask/.test(symbol);
    return promises ? 'promises, microtasks' : 'V8: builtins, runtime';
  }
  if (/Scaveng|Heap|Mark|Sweep|Evacuat|Collector|Worklist|SemiSpace/.test(symbol)) return 'V8: garbage';
  if (/^uv_|node::|^napi_/.test(symbol)) return 'libuv, C++ of Node';
  return 'V8: builtins, runtime';
}

function placeOf(frames: readonly Frame[]): Place {
  const { symbol, file } = frames[0]!;
  if (file.includes('[kernel') || file.startsWith('[nf_')) return inKernel(frames);
  if (file.endsWith('gopark.node')) return 'C of gopark';
  if (file.includes('JIT') || /perf-\d+\.map/.test(file)) return 'JavaScript';
  if (/(?:^|\/)node$/.test(file)) return inNode(symbol);
  return 'C library, clock';
}

/** Counts samples, as `perf script -F ip,sym,dso` prints them: blocks of frames, the innermost first. */
export function countSamples(script: string): ReadonlyMap<Place, number> {
  const counts = new Map<Place, number>();
  for (const block of script.split('\n\n')) {
    const frames: Frame[] = [];
    for (const line of block.split('\n')) {
      const [, symbol, file] = /^\s*[0-9a-f]+ (.*) \(([^)]*)\)$/.exec(line) ?? [];
      if (file !== undefined) frames.push({ symbol: symbol!.replace(/\+0x[0-9a-f]+$/, ''), file });
    }
    if (frames.length === 0) continue;
    const place = placeOf(frames);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}
