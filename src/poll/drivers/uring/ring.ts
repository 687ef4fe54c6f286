import type { Native } from '../epoll/native.ts';
import {
  CQE_SIZE,
  E_FLAGS,
  E_RESULT,
  E_USER,
  E_USER_HIGH,
  FEATURE_CQE_SKIP,
  FEATURE_FAST_POLL,
  FEATURE_NODROP,
  FEATURE_SINGLE_MMAP,
  P_CQ_CQES,
  P_CQ_ENTRIES,
  P_CQ_HEAD,
  P_CQ_OVERFLOW,
  P_CQ_TAIL,
  P_FEATURES,
  P_FLAGS,
  P_SQ_ENTRIES,
  P_SQ_FLAGS,
  P_SQ_HEAD,
  P_SQ_TAIL,
  PARAMS_SIZE,
  Q_FD,
  Q_HEAD,
  Q_USER,
  Q_USER_HIGH,
  REGISTER_PROBE,
  SETUP_CLAMP,
  SETUP_CQSIZE,
  SETUP_DEFER_TASKRUN,
  SETUP_SINGLE_ISSUER,
  SETUP_SUBMIT_ALL,
  SETUP_TASKRUN_FLAG,
  SQ_CQ_OVERFLOW,
  SQE_SIZE,
} from './abi.ts';

/** Whoever submits to a ring. */
export interface RingUser {
  /** A batch of completions begins, not all of them this user's. */
  batch?(): void;
  /** One that this user's submission asked for, by the two numbers that it gave. Must not throw. */
  completed(id: number, generation: number, result: number, flags: number): void;
  /**
   * The same before its turn, from within some other call: for what has to be known in its order. True: that was all,
   * and it is not told again. It may be told nothing to anybody else.
   */
  early?(id: number, generation: number, result: number, flags: number): boolean;
}

export interface RingSizes {
  /** Submissions between two calls of the kernel; rounded up to a power of two. */
  readonly submissions: number;
  /** Completions that wait; what is beyond is kept by the kernel, for a price. */
  readonly completions: number;
}

/** The kernel would not give a ring, or not one that will do. */
export interface Refusal {
  /** What was refused, as the line on stderr and the doctor have it. */
  readonly step: string;
  readonly errno: number;
}

/** Kernel 6.1, each of them. Without SINGLE_ISSUER and DEFER_TASKRUN completions come when the kernel likes. */
const SETUP =
  SETUP_CQSIZE |
  SETUP_CLAMP |
  SETUP_SUBMIT_ALL |
  SETUP_TASKRUN_FLAG |
  SETUP_SINGLE_ISSUER |
  SETUP_DEFER_TASKRUN;
const FEATURES: readonly (readonly [bit: number, name: string])[] = [
  [FEATURE_SINGLE_MMAP, 'one mapping'],
  [FEATURE_NODROP, 'no dropped completions'],
  [FEATURE_FAST_POLL, 'internal polling'],
  [FEATURE_CQE_SKIP, 'silent completions'],
];
const ENOSYS = 38;

/** The lower word of a submission's user data has the user in its uppermost bits, and this for the id. */
const TAG_SHIFT = 28;
export const MOST_ID: number = (1 << TAG_SHIFT) - 1;
const MOST_USERS = 8;

/**
 * Goroutines cannot be interrupted: only the number of completions that are told at once decides how long timers and
 * others wait. When many are there it begins small, and doubles while that takes no time.
 */
const FIRST_BATCH = 16;
const MOST_AT_ONCE = 512;
/** Milliseconds. */
const BATCH_TIME = 5;

/** The opcodes below this are asked for. */
const PROBED = 64;

/**
 * One io_uring of this thread. Submissions are filled in, completions taken out by TypeScript, in memory that the
 * kernel shares; what is submitted goes to the kernel with the next batch, before the event loop sleeps, or by
 * `submit`. Several users can share a ring; each gets the completions of what it submitted, at latest when the
 * event loop comes round. By itself a ring keeps no process alive: `hold` does.
 */
export class Ring {
  /** The kernel's words of setup: see the `P_` in abi.ts. */
  readonly params: Uint32Array;
  /** Submissions as words: `next` says where one begins. */
  readonly sqes: Int32Array;
  readonly #native: Native;
  readonly #handle: unknown;
  readonly #rings: Int32Array;
  readonly #sqHead: number;
  readonly #sqTail: number;
  readonly #sqFlags: number;
  readonly #cqHead: number;
  readonly #cqTail: number;
  readonly #cqOverflow: number;
  readonly #cqes: number;
  readonly #sqMask: number;
  readonly #cqMask: number;
  readonly #users: RingUser[] = [];
  readonly #supported = new Set<number>();
  #head: number;
  /** Completions that had to make room in the kernel's memory, four words each. */
  #moved: number[] = [];
  #holds = 0;
  #reaping = false;
  #limit = FIRST_BATCH;
  /** Of the last batch: when it began, how many were told before it, and whether it had to leave some. */
  #begun = 0;
  #before = 0;
  #left = false;
  #closed = false;
  /** How often the kernel had more completions than room for them. */
  overflows = 0;
  /** Completions told so far. */
  completions = 0;

  private constructor(
    native: Native,
    handle: unknown,
    rings: ArrayBuffer,
    sqes: ArrayBuffer,
    params: Uint32Array,
  ) {
    this.#native = native;
    this.#handle = handle;
    this.#rings = new Int32Array(rings);
    this.sqes = new Int32Array(sqes);
    this.params = params;
    const at = (word: number) => params[word]! >>> 2;
    this.#sqHead = at(P_SQ_HEAD);
    this.#sqTail = at(P_SQ_TAIL);
    this.#sqFlags = at(P_SQ_FLAGS);
    this.#cqHead = at(P_CQ_HEAD);
    this.#cqTail = at(P_CQ_TAIL);
    this.#cqOverflow = at(P_CQ_OVERFLOW);
    this.#cqes = at(P_CQ_CQES);
    this.#sqMask = params[P_SQ_ENTRIES]! - 1;
    this.#cqMask = params[P_CQ_ENTRIES]! - 1;
    this.#head = this.#rings[this.#cqHead]!;
  }

  /** A ring of this thread, or why there is none. */
  static open(native: Native, sizes: RingSizes): Ring | Refusal {
    const params = new Uint32Array(PARAMS_SIZE);
    params[P_FLAGS] = SETUP;
    params[P_CQ_ENTRIES] = sizes.completions;
    let ring: Ring | null = null;
    const opened = native.uringOpen(sizes.submissions, params, () => ring!.reap());
    if (typeof opened === 'number') return { step: 'io_uring_setup', errno: -opened };
    ring = new Ring(native, opened.ring, opened.rings, opened.sqes, params);
    const refusal = ring.#inspect();
    if (refusal === null) return ring;
    ring.close();
    return refusal;
  }

  #inspect(): Refusal | null {
    for (const [bit, name] of FEATURES) {
      if (!(this.params[P_FEATURES]! & bit)) return { step: `a ring with ${name}`, errno: ENOSYS };
    }
    // Two words of its own, of which the first byte is the last opcode, six reserved, then two for each opcode.
    const probe = new Uint8Array(16 + 8 * PROBED);
    const result = this.register(REGISTER_PROBE, probe, PROBED);
    if (result < 0) return { step: 'the probe of its operations', errno: -result };
    for (let op = 0; op < PROBED && op <= probe[0]!; op++) {
      if (probe[16 + 8 * op + 2]! & 1) this.#supported.add(op);
    }
    return null;
  }

  /** Whether this kernel has the operation: one of the `OP_` in abi.ts. */
  supports(op: number): boolean {
    return this.#supported.has(op);
  }

  /** The lower word of the user data of a submission: by it and the generation it can be cancelled. */
  user(tag: number, id: number): number {
    return (tag << TAG_SHIFT) | id;
  }

  /** One more user: what it gives `next` as `tag`. */
  join(user: RingUser): number {
    if (this.#users.length === MOST_USERS) throw new Error(`a ring has at most ${MOST_USERS} users`);
    return this.#users.push(user) - 1;
  }

  /**
   * A new submission: the index in `sqes` where it begins. Head, descriptor and user data are filled in, the rest is
   * zero, and the caller's until it returns to the event loop or calls `next` or `submit`. Memory that it names
   * must stay as it is, and alive, until its completion: `addressOf` says where an array lies.
   *
   * @param head the opcode, flags of the submission in the second byte, its priority in the upper half
   * @param id at most `MOST_ID`
   */
  next(head: number, fd: number, tag: number, id: number, generation: number): number {
    const rings = this.#rings;
    if (this.#unsubmitted > this.#sqMask) this.#makeRoom();
    const { sqes } = this;
    // The native part submits, too: the position is nowhere but in the ring.
    const tail = rings[this.#sqTail]!;
    const base = (tail & this.#sqMask) * SQE_SIZE;
    sqes.fill(0, base, base + SQE_SIZE);
    sqes[base + Q_HEAD] = head;
    sqes[base + Q_FD] = fd;
    sqes[base + Q_USER] = (tag << TAG_SHIFT) | id;
    sqes[base + Q_USER_HIGH] = generation;
    Atomics.store(rings, this.#sqTail, (tail + 1) | 0);
    return base;
  }

  /** Makes room for so many submissions, so that those of a chain are not torn apart. At most half of the ring. */
  room(count: number): void {
    if (this.#unsubmitted + count > this.#sqMask + 1) this.#makeRoom();
  }

  get #unsubmitted(): number {
    return (this.#rings[this.#sqTail]! - this.#rings[this.#sqHead]!) | 0;
  }

  /** Whether something waits to be submitted. */
  get pending(): boolean {
    return this.#rings[this.#sqTail] !== Atomics.load(this.#rings, this.#sqHead);
  }

  /** A position that tells `isPending` of the submission that `next` gives next. */
  get position(): number {
    return this.#rings[this.#sqTail]!;
  }

  /** Whether the submission that was made at `position` has not gone to the kernel yet: it may still be changed. */
  isPending(position: number): boolean {
    return ((position - this.#rings[this.#sqHead]!) | 0) >= 0;
  }

  /** Submits now; completions are told later, all the same. A negated errno: the kernel has no memory for now. */
  submit(): number {
    Atomics.store(this.#rings, this.#cqHead, this.#head);
    return this.#native.uringEnter(this.#handle, 0);
  }

  /** Waits for at least one completion that has not been told; blocks the thread. For what must not be put off. */
  wait(): void {
    // What is there already may be what it is about: the kernel would wait for another one.
    const before = this.#head;
    this.#move();
    if (this.#head !== before) return;
    this.#native.uringEnter(this.#handle, 1);
    this.#move();
  }

  /** Submits, and looks for what completes without waiting for it. */
  collect(): void {
    this.submit();
    this.#move();
  }

  /** Completions that came with `wait` or `collect` and are not told yet. The caller may take one out: it is not told then. */
  take(tag: number, id: number, generation: number): { result: number; flags: number } | null {
    const user = (tag << TAG_SHIFT) | id;
    const moved = this.#moved;
    for (let i = 0; i < moved.length; i += CQE_SIZE) {
      if (moved[i + E_USER] !== user || moved[i + E_USER_HIGH] !== generation) continue;
      const [, , result, flags] = moved.splice(i, CQE_SIZE);
      return { result: result!, flags: flags! };
    }
    return null;
  }

  /** Tells the completions that are there: all, or a bounded number, and for the rest the event loop comes back. */
  reap(all = false): void {
    if (this.#reaping) return;
    this.#reaping = true;
    const last = all ? Number.POSITIVE_INFINITY : this.completions + this.#adapt();
    try {
      for (const user of this.#users) user.batch?.();
      const rings = this.#rings;
      for (;;) {
        while (this.#moved.length > 0) this.#tellMoved();
        if (this.#head === Atomics.load(rings, this.#cqTail)) break;
        // What a completion brings about may look here, too: then the head is elsewhere, and others were moved.
        while (this.#head !== Atomics.load(rings, this.#cqTail) && this.#moved.length === 0) {
          if (this.completions >= last) {
            this.#left = true;
            Atomics.store(rings, this.#cqHead, this.#head);
            return;
          }
          const at = this.#cqes + (this.#head & this.#cqMask) * CQE_SIZE;
          this.#head = (this.#head + 1) | 0;
          this.#tell(
            rings[at + E_USER]!,
            rings[at + E_USER_HIGH]!,
            rings[at + E_RESULT]!,
            rings[at + E_FLAGS]!,
          );
        }
        this.#look();
        Atomics.store(rings, this.#cqHead, this.#head);
      }
    } finally {
      this.#reaping = false;
    }
  }

  /** How many this batch may tell, by how long the last one took with all that its goroutines did, if there were more. */
  #adapt(): number {
    const now = performance.now();
    let limit = this.#limit;
    if (this.#left) {
      const took = now - this.#begun;
      if (took > BATCH_TIME) limit = Math.max(1, Math.min(limit, Math.floor((limit * BATCH_TIME) / took)));
      else if (took < BATCH_TIME / 2) limit = Math.min(MOST_AT_ONCE, 2 * limit);
    } else if (this.completions - this.#before < limit / 4) {
      limit = Math.max(FIRST_BATCH, limit >> 1);
    }
    this.#limit = limit;
    this.#left = false;
    this.#begun = now;
    this.#before = this.completions;
    return limit;
  }

  get reaping(): boolean {
    return this.#reaping;
  }

  /** A round's chains go to the kernel by this ring, where there are at least `least`: 0 or a negated errno. */
  sendChains(tag: number, least: number): number {
    return this.#native.uringSends(this.#handle, tag, least);
  }

  /** io_uring_register, with the memory of `argument`: its result or a negated errno. */
  register(opcode: number, argument: NodeJS.TypedArray | null, count: number): number {
    return this.#native.uringRegister(this.#handle, opcode, argument, count);
  }

  /** Where the memory of `p` lies: the lower word by `| 0`, the upper one by `highWord`. */
  addressOf(p: NodeJS.TypedArray): number {
    return this.#native.addressOf(p);
  }

  hold(): void {
    if (this.#holds++ === 0) this.#native.uringReference(this.#handle, true);
  }

  release(): void {
    if (--this.#holds === 0) this.#native.uringReference(this.#handle, false);
  }

  /**
   * Cancels what is in flight, waits until the kernel has let go of all memory, and gives the ring back. Nothing is
   * told any more. For a ring of which nobody waits.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#native.uringClose(this.#handle);
  }

  #tell(user: number, generation: number, result: number, flags: number): void {
    this.completions++;
    this.#users[user >>> TAG_SHIFT]!.completed(user & MOST_ID, generation, result, flags);
  }

  #tellMoved(): void {
    const moved = this.#moved;
    this.#moved = [];
    for (let i = 0; i < moved.length; i += CQE_SIZE) {
      this.#tell(moved[i + E_USER]!, moved[i + E_USER_HIGH]!, moved[i + E_RESULT]!, moved[i + E_FLAGS]!);
    }
  }

  /** Whether completions wait in the kernel because the ring was full. */
  #look(): void {
    const rings = this.#rings;
    if (rings[this.#sqFlags]! & SQ_CQ_OVERFLOW) this.overflows++;
    if (rings[this.#cqOverflow] !== 0) throw new Error('io_uring: the kernel had no memory for completions');
  }

  /** Takes the completions out of the kernel's memory, to be told later. */
  #move(): void {
    const rings = this.#rings;
    const end = Atomics.load(rings, this.#cqTail);
    // The event loop does not know of them any more.
    if (this.#head !== end && this.#moved.length === 0 && !this.#reaping) queueMicrotask(() => this.reap());
    for (; this.#head !== end; this.#head = (this.#head + 1) | 0) {
      const at = this.#cqes + (this.#head & this.#cqMask) * CQE_SIZE;
      const user = rings[at + E_USER]!;
      const generation = rings[at + E_USER_HIGH]!;
      const result = rings[at + E_RESULT]!;
      const flags = rings[at + E_FLAGS]!;
      const early = this.#users[user >>> TAG_SHIFT]!.early?.(user & MOST_ID, generation, result, flags);
      if (!early) this.#moved.push(user, generation, result, flags);
    }
    this.#look();
    Atomics.store(rings, this.#cqHead, this.#head);
  }

  /** The ring of submissions is full. */
  #makeRoom(): void {
    for (let attempt = 0; attempt < 100; attempt++) {
      const result = this.submit();
      if (!this.pending) return;
      // EBUSY: first its completions must find room.
      this.#move();
      if (result < 0 && attempt === 99) throw new Error(`io_uring takes no submissions: errno ${-result}`);
    }
  }
}

export function highWord(address: number): number {
  return (address / 0x1_0000_0000) | 0;
}
