import {
  type Capability,
  type CompletionReceiver,
  type ConnectSocketOptions,
  type Driver,
  type ListenSocketOptions,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DATAGRAMS,
  OP_DRAIN,
  OP_FETCH,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SEND,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
  type SocketAddress,
  type SocketOption,
} from '#dist/poll/driver.js';
import { OUTBOUND_BOUND } from '#dist/poll/limits.js';
import {
  SPLICE_CANNOT,
  SPLICE_FULL,
  SPLICE_MORE,
  SPLICE_TO_FAILED,
  type Splice,
  type SpliceOutcome,
} from '#dist/poll/splice.js';
import type { UnixDriver } from '#dist/poll/unix-driver.js';
import { CheckedDatagrams } from './checked-datagrams.ts';

const NAMES: Readonly<Record<number, string>> = {
  [OP_LISTEN]: 'listen',
  [OP_CONNECT]: 'connect',
  [OP_ACCEPT]: 'accept',
  [OP_RECV]: 'recv',
  [OP_READABLE]: 'readable',
  [OP_WRITABLE]: 'writable',
  [OP_DRAIN]: 'drain',
  [OP_SHUTDOWN]: 'shutdown',
  [OP_CLOSE]: 'close',
  [OP_STREAM]: 'stream',
  [OP_FETCH]: 'fetch',
  [OP_DATAGRAMS]: 'receive',
  [OP_SEND]: 'send',
};
/** At most one of these at a time. */
const INBOUND: readonly Op[] = [OP_RECV, OP_READABLE, OP_ACCEPT, OP_DATAGRAMS];

interface SlotState {
  generation: number;
  readonly inFlight: Set<Op>;
  readonly shutdowns: ('read' | 'write')[];
  readonly shut: Set<string>;
  closing: boolean;
  /** 'left': switched off, but what had been received may still come, once. */
  stream: 'on' | 'left' | 'off';
  /** A borrowed pipe: nothing may be staged. */
  readonly isPipe: boolean;
}

/** Sits between a driver and its receiver and holds both to the contract of src/poll/driver.ts. */
export class CheckedDriver implements Driver, CompletionReceiver {
  /** Whoever broke the contract, in words. A test asserts that there is nobody. */
  readonly violations: string[] = [];
  holds = 0;
  readonly #driver: Driver;
  readonly #slots = new Map<number, SlotState>();
  /** Those that hold bytes. */
  readonly #splices = new Set<Splice>();
  #receiver!: CompletionReceiver;
  #datagrams: CheckedDatagrams | null = null;
  /** The call of the caller that is running. */
  #calling = '';
  /** The slot that was told to fetch, while it is. */
  #fetching = -1;
  /** A completion is being delivered: what the receiver then calls may not complete either. */
  #polling = false;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  get name(): string {
    return this.#driver.name;
  }

  get datagrams(): CheckedDatagrams {
    this.#datagrams ??= new CheckedDatagrams(this.#driver.datagrams!, {
      opened: (slot, op) => this.#opened(slot, op),
      begin: (slot, op, begin) => this.#begin(slot, op, begin),
      noneInFlight: (slot, call) => this.#noneInFlight(slot, call),
      sends: (slot) => this.#slots.get(slot)?.inFlight.has(OP_SEND) === true,
      isOpen: (slot, call) => void this.#state(slot, call),
      call: (name, run) => this.#call(name, run),
      violation: (text) => this.#violation(text),
    });
    return this.#datagrams;
  }

  get capabilities(): ReadonlySet<Capability> {
    return this.#driver.capabilities;
  }

  get slotCount(): number {
    return this.#driver.slotCount;
  }

  get slab(): Uint8Array {
    return this.#driver.slab;
  }

  get receivedAt(): number {
    return this.#driver.receivedAt;
  }

  /** Operations that have not completed, and slots that were not freed. */
  get unfinished(): string[] {
    const splices = [...this.#splices].map(({ held }) => `a splice that holds ${held} bytes`);
    const slots = [...this.#slots].map(
      ([slot, { inFlight, closing }]) =>
        `slot ${slot}: ${[...inFlight].map((op) => NAMES[op]).join(' ')}${closing ? ' closing' : ' open'}`,
    );
    return [...slots, ...splices];
  }

  start(receiver: CompletionReceiver): void {
    this.#receiver = receiver;
    this.#driver.start(this);
  }

  // The caller's side

  listen(host: string, port: number, options: ListenSocketOptions): number {
    return this.#opened(
      this.#call('listen', () => this.#driver.listen(host, port, options)),
      OP_LISTEN,
    );
  }

  connect(
    host: string,
    port: number,
    local: { host: string; port: number } | null,
    options?: ConnectSocketOptions,
  ): number {
    return this.#opened(
      this.#call('connect', () => this.#driver.connect(host, port, local, options)),
      OP_CONNECT,
    );
  }

  tcpInfo(slot: number, out: Uint8Array): number {
    this.#state(slot, 'tcpInfo');
    return this.#driver.tcpInfo!(slot, out);
  }

  isMultipath(slot: number): boolean {
    this.#state(slot, 'isMultipath');
    return this.#driver.isMultipath!(slot);
  }

  inherit(descriptor: number): number {
    return this.#opened(
      this.#call('inherit', () => this.#driver.inherit!(descriptor)),
      OP_LISTEN,
    );
  }

  borrowPipe(descriptor: number): number {
    if (!this.capabilities.has('pipes')) this.#violation('borrowPipe without the capability');
    const slot = this.#call('borrowPipe', () => this.#driver.borrowPipe!(descriptor));
    return this.#opened(slot, 0, true);
  }

  get unix(): UnixDriver {
    const unix = this.#driver.unix!;
    return {
      listen: (name, options) =>
        this.#opened(
          this.#call('listen', () => unix.listen(name, options)),
          OP_LISTEN,
        ),
      connect: (name, packets, local) =>
        this.#opened(
          this.#call('connect', () => unix.connect(name, packets, local)),
          OP_CONNECT,
        ),
      nameOf: (slot, end) => unix.nameOf(slot, end),
      isPackets: (slot) => unix.isPackets(slot),
      credentials: (slot) => unix.credentials(slot),
    };
  }

  generationOf(slot: number): number {
    return this.#driver.generationOf(slot);
  }

  accept(slot: number): void {
    this.#begin(slot, OP_ACCEPT, () => this.#driver.accept(slot));
  }

  recv(slot: number, wanted: number): void {
    if (!(wanted > 0)) this.#violation(`recv of ${wanted} bytes`);
    this.#begin(slot, OP_RECV, () => this.#driver.recv(slot, wanted));
  }

  readable(slot: number): void {
    this.#begin(slot, OP_READABLE, () => this.#driver.readable(slot));
  }

  stream(slot: number, wanted: number): void {
    const state = this.#state(slot, 'stream');
    if (!(wanted >= 0) && !(wanted === -1 && this.capabilities.has('direct')))
      this.#violation(`a stream of ${wanted} bytes`);
    if (state !== null && wanted !== 0 && INBOUND.some((op) => state.inFlight.has(op)))
      this.#violation(`stream of slot ${slot} beside ${[...state.inFlight].map((op) => NAMES[op])}`);
    if (state !== null && wanted !== 0) state.stream = 'on';
    else if (state?.stream === 'on') state.stream = 'left';
    this.#call('stream', () => this.#driver.stream(slot, wanted));
  }

  pollers(count: number): number {
    return this.#driver.pollers(count);
  }

  assign(slot: number, poller: number): number {
    this.#state(slot, 'assign');
    return this.#call('assign', () => this.#driver.assign(slot, poller));
  }

  writable(slot: number): void {
    if (this.#driver.outboundLength(slot) > 0) this.#violation(`writable of slot ${slot} beside its chain`);
    this.#begin(slot, OP_WRITABLE, () => this.#driver.writable(slot));
  }

  drain(slot: number, level: number): void {
    if (!(level >= 0)) this.#violation(`drain to ${level}`);
    this.#begin(slot, OP_DRAIN, () => this.#driver.drain(slot, level));
  }

  shutdown(slot: number, how: 'read' | 'write'): void {
    const state = this.#state(slot, `shutdown ${how}`);
    if (state?.shut.has(how)) this.#violation(`a second shutdown of ${how} of slot ${slot}`);
    if (how === 'write' && this.#driver.outboundLength(slot) > 0) {
      this.#violation(`shutdown of slot ${slot} with ${this.#driver.outboundLength(slot)} bytes outbound`);
    }
    state?.shut.add(how);
    state?.shutdowns.push(how);
    this.#call('shutdown', () => this.#driver.shutdown(slot, how));
  }

  close(slot: number): void {
    const state = this.#state(slot, 'close');
    if (state !== null) {
      state.closing = true;
      if (state.stream === 'on') state.stream = 'left';
    }
    this.#call('close', () => this.#driver.close(slot));
  }

  cancel(slot: number, op: Op): void {
    const state = this.#state(slot, `cancel ${NAMES[op]}`);
    if (state !== null && !state.inFlight.has(op)) {
      this.#violation(`cancel of ${NAMES[op]} of slot ${slot}, which is not in flight`);
    }
    this.#call('cancel', () => this.#driver.cancel(slot, op));
  }

  mayBeReadable(slot: number): boolean {
    this.#state(slot, 'mayBeReadable');
    return this.#call('mayBeReadable', () => this.#driver.mayBeReadable(slot));
  }

  peek(slot: number): number {
    this.#state(slot, 'peek');
    return this.#call('peek', () => this.#driver.peek(slot));
  }

  tryAccept(slot: number): number {
    this.#state(slot, 'tryAccept');
    const accepted = this.#call('tryAccept', () => this.#driver.tryAccept(slot));
    if (accepted >= 0) this.#opened(accepted, 0);
    return accepted;
  }

  tryReceive(slot: number, most: number): number {
    this.#noneInFlight(slot, 'tryReceive');
    const count = this.#call('tryReceive', () => this.#driver.tryReceive(slot, most));
    if (count > most) this.#violation(`tryReceive gave ${count} bytes, ${most} were asked for`);
    return count;
  }

  tryReceiveInto(slot: number, p: Uint8Array, from: number, to: number): number {
    this.#noneInFlight(slot, 'tryReceiveInto');
    return this.#call('tryReceiveInto', () => this.#driver.tryReceiveInto(slot, p, from, to));
  }

  trySend(slot: number, p: Uint8Array, from: number, to: number): number {
    this.#state(slot, 'trySend');
    if (this.#driver.outboundLength(slot) > 0) this.#violation(`trySend of slot ${slot} past its chain`);
    if (from > to || to > p.length) this.#violation(`trySend of [${from}, ${to}) of ${p.length} bytes`);
    return this.#call('trySend', () => this.#driver.trySend(slot, p, from, to));
  }

  trySendVector(slot: number, buffers: readonly Uint8Array[], first: number, from: number): number {
    this.#state(slot, 'trySendVector');
    if (this.#driver.outboundLength(slot) > 0)
      this.#violation(`trySendVector of slot ${slot} past its chain`);
    if (first > 0 ? first >= buffers.length && from > 0 : from > (buffers[0]?.length ?? 0))
      this.#violation(`trySendVector from byte ${from} of buffer ${first} of ${buffers.length}`);
    const sent = this.#call('trySendVector', () => this.#driver.trySendVector(slot, buffers, first, from));
    const length = buffers.slice(first).reduce((sum, { length }) => sum + length, -from);
    if (sent > length) this.#violation(`trySendVector sent ${sent} of ${length} bytes`);
    return sent;
  }

  sendFile(
    slot: number,
    file: number,
    offset: number,
    length: number,
    done: (count: number, errno: number) => void,
  ): number {
    this.#state(slot, 'sendFile');
    if (!this.capabilities.has('sendFile')) this.#violation('sendFile without the capability');
    if (this.#driver.outboundLength(slot) > 0) this.#violation(`sendFile of slot ${slot} past its chain`);
    const checked = (count: number, errno: number) => {
      if (this.#calling !== '') this.#violation(`sendFile of slot ${slot} done inside ${this.#calling}`);
      if (count < 0 || count > length) this.#violation(`sendFile of ${length} bytes sent ${count}`);
      done(count, errno);
    };
    return this.#call('sendFile', () => this.#driver.sendFile!(slot, file, offset, length, checked));
  }

  trySplice(from: number, to: number, most: number, splice: Splice): SpliceOutcome {
    if (!this.capabilities.has('splice')) this.#violation('trySplice without the capability');
    this.#state(to, 'trySplice to');
    if (from >= 0) this.#noneInFlight(from, 'trySplice');
    else if (most !== 0) this.#violation(`trySplice of ${most} bytes from nowhere`);
    if (this.#driver.outboundLength(to) > 0) this.#violation(`trySplice to slot ${to} past its chain`);
    const before = splice.held;
    const outcome = this.#call('trySplice', () => this.#driver.trySplice!(from, to, most, splice));
    const { taken, sent, held } = splice;
    const left = splice.leftTo - splice.leftFrom;
    const what = `trySplice ${outcome}: held ${before}, taken ${taken} of ${most}, sent ${sent}, held ${held}, left ${left}`;
    if (taken > most || taken < 0 || sent < 0 || held < 0 || left < 0) this.#violation(what);
    if (outcome !== SPLICE_TO_FAILED && before + taken !== sent + held + left) this.#violation(what);
    if (held > 0 && ![SPLICE_FULL, SPLICE_TO_FAILED, SPLICE_CANNOT].some((end) => end === outcome))
      this.#violation(what);
    if (left > 0 && (held > 0 ? outcome !== SPLICE_CANNOT : outcome === SPLICE_MORE)) this.#violation(what);
    if (splice.held > 0) this.#splices.add(splice);
    else this.#splices.delete(splice);
    return outcome;
  }

  endSplice(splice: Splice): void {
    this.#call('endSplice', () => this.#driver.endSplice!(splice));
    this.#splices.delete(splice);
  }

  stage(slot: number, p: Uint8Array, from: number, to: number): void {
    const state = this.#state(slot, 'stage');
    if (state?.isPipe) this.#violation(`stage of slot ${slot}, which is a pipe`);
    if (from > to || to > p.length) this.#violation(`stage of [${from}, ${to}) of ${p.length} bytes`);
    if (state?.shut.has('write')) this.#violation(`stage behind the shutdown of slot ${slot}`);
    this.#call('stage', () => this.#driver.stage(slot, p, from, to));
    const length = this.#driver.outboundLength(slot);
    if (length > OUTBOUND_BOUND) this.#violation(`${length} bytes in the chain of slot ${slot}`);
  }

  outboundLength(slot: number): number {
    return this.#driver.outboundLength(slot);
  }

  flushNow(slot: number): void {
    this.#state(slot, 'flushNow');
    this.#call('flushNow', () => this.#driver.flushNow(slot));
  }

  flush(): void {
    this.#call('flush', () => this.#driver.flush());
  }

  poll(): boolean {
    if (this.#calling !== '') this.#violation(`poll inside ${this.#calling}`);
    this.#polling = true;
    const looked = this.#driver.poll();
    this.#polling = false;
    return looked;
  }

  setOption(slot: number, option: SocketOption, value: number, second?: number): number {
    this.#state(slot, 'setOption');
    return this.#driver.setOption(slot, option, value, second);
  }

  getOption(slot: number, option: SocketOption): number {
    return this.#driver.getOption(slot, option);
  }

  localAddress(slot: number): SocketAddress | null {
    return this.#driver.localAddress(slot);
  }

  remoteAddress(slot: number): SocketAddress | null {
    return this.#driver.remoteAddress(slot);
  }

  peerNumber(slot: number): number {
    return this.#driver.peerNumber?.(slot) ?? -1;
  }

  hold(): void {
    this.holds++;
    this.#driver.hold();
  }

  release(): void {
    if (--this.holds < 0) this.#violation('more releases than holds');
    this.#driver.release();
  }

  // The driver's side

  complete(op: Op, slot: number, generation: number, result: number, offset: number, more: boolean): void {
    const what = `completion of ${NAMES[op]} of slot ${slot}`;
    if (this.#calling !== '' && !this.#polling) this.#violation(`${what} inside ${this.#calling}`);
    const state = this.#slots.get(slot);
    if (state === undefined || state.generation !== generation) {
      this.#violation(`${what}, which is not open`);
    } else if (op === OP_SHUTDOWN) {
      if (state.shutdowns.shift() === undefined) this.#violation(`${what} without a shutdown`);
    } else if (op === OP_CLOSE) {
      if (!state.closing) this.#violation(`${what} without a close`);
      if (state.inFlight.size > 0 || state.shutdowns.length > 0)
        this.#violation(`${what} is not the last one`);
      this.#slots.delete(slot);
    } else if (op === OP_FETCH) {
      if (state.stream === 'off') this.#violation(`${what}, which is not on`);
      this.#fetching = slot;
    } else if (op === OP_STREAM) {
      if (state.stream === 'off') this.#violation(`${what}, which is not on`);
      if (more !== result > 0) this.#violation(`${what}: ${result} with more: ${more}`);
      if (state.stream === 'left' || !more) state.stream = 'off';
    } else {
      if (!state.inFlight.has(op)) this.#violation(`${what}, which is not in flight`);
      if (!more) state.inFlight.delete(op);
      if (op === OP_DATAGRAMS) this.datagrams.look(result);
      if (op === OP_DATAGRAMS && result === 0) this.#violation(`${what} with nothing`);
      if (op === OP_ACCEPT && result >= 0) this.#opened(result, 0);
    }
    if (
      more &&
      op !== OP_STREAM &&
      op !== OP_FETCH &&
      !(this.capabilities.has('multishot') && (op === OP_RECV || op === OP_ACCEPT))
    ) {
      this.#violation(`${what} with more`);
    }
    this.#receiver.complete(op, slot, generation, result, offset, more);
    this.#fetching = -1;
  }

  fault(slot: number, generation: number, errno: number, bytesUnsent: number): void {
    if (this.#calling !== '' && !this.#polling)
      this.#violation(`fault of slot ${slot} inside ${this.#calling}`);
    if (!(errno > 0)) this.#violation(`fault ${errno} of slot ${slot}`);
    this.#receiver.fault(slot, generation, errno, bytesUnsent);
  }

  round(): void {
    this.#receiver.round();
  }

  /** A slot that the driver opened for a test. */
  adopt(slot: number): number {
    return this.#opened(slot, 0);
  }

  #opened(slot: number, op: Op | 0, isPipe = false): number {
    if (slot < 0) return slot;
    if (this.#slots.has(slot)) this.#violation(`slot ${slot} was given out twice`);
    this.#slots.set(slot, {
      generation: this.#driver.generationOf(slot),
      inFlight: new Set(op === 0 ? [] : [op]),
      shutdowns: [],
      shut: new Set(),
      closing: false,
      stream: 'off',
      isPipe,
    });
    return slot;
  }

  #begin(slot: number, op: Op, begin: () => void): void {
    const state = this.#state(slot, NAMES[op]!);
    if (state?.inFlight.has(op)) this.#violation(`a second ${NAMES[op]} of slot ${slot}`);
    if (state?.stream === 'on' && INBOUND.includes(op))
      this.#violation(`${NAMES[op]} of slot ${slot} beside its stream`);
    if (state !== null && INBOUND.includes(op) && INBOUND.some((other) => state.inFlight.has(other))) {
      this.#violation(`${NAMES[op]} of slot ${slot} beside ${[...state.inFlight].map((x) => NAMES[x])}`);
    }
    state?.inFlight.add(op);
    this.#call(NAMES[op]!, begin);
  }

  /** A receive past one that is in flight would reorder bytes. */
  #noneInFlight(slot: number, call: string): void {
    const state = this.#state(slot, call);
    if (state?.stream === 'on' && this.#fetching !== slot)
      this.#violation(`${call} of slot ${slot} beside its stream`);
    if (state !== null && INBOUND.some((op) => state.inFlight.has(op))) {
      this.#violation(`${call} of slot ${slot} beside ${[...state.inFlight].map((op) => NAMES[op])}`);
    }
  }

  #state(slot: number, call: string): SlotState | null {
    const state = this.#slots.get(slot);
    if (state === undefined || state.closing) {
      this.#violation(
        `${call} of slot ${slot} ${state === undefined ? 'which is not open' : 'after its close'}`,
      );
      return null;
    }
    return state;
  }

  #call<T>(name: string, run: () => T): T {
    const outer = this.#calling;
    this.#calling = name;
    try {
      return run();
    } finally {
      this.#calling = outer;
    }
  }

  #violation(text: string): void {
    this.violations.push(text);
  }
}
