import assert from 'node:assert/strict';
import {
  D_LENGTH,
  D_OFFSET,
  D_PORT,
  D_SEGMENT,
  D_SIZE,
  type DatagramBlock,
} from '#dist/poll/datagram-block.js';
import {
  type Capability,
  type CompletionReceiver,
  type Driver,
  type ListenSocketOptions,
  OP_ACCEPT,
  OP_CLOSE,
  OP_CONNECT,
  OP_DATAGRAMS,
  OP_DRAIN,
  OP_LISTEN,
  OP_READABLE,
  OP_RECV,
  OP_SHUTDOWN,
  OP_STREAM,
  OP_WRITABLE,
  type Op,
} from '#dist/poll/driver.js';
import type { UnixListenOptions } from '#dist/poll/unix-driver.js';
import { CheckedDriver } from '../checked-driver.ts';
import { until } from '../waiting.ts';
import type { HarnessCapability, Subject } from './subject.ts';

/** What a completion told, with the received bytes copied while they were ours. */
export interface Completion {
  readonly op: Op;
  readonly slot: number;
  readonly generation: number;
  readonly result: number;
  /** For an accept: the generation of the new slot. */
  readonly offset: number;
  readonly more: boolean;
  readonly bytes: Uint8Array;
  /** Of a datagram socket's receive. */
  readonly datagrams: readonly Datagram[];
}

/** A received datagram, and the port it came from. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly port: number;
}

export interface Fault {
  readonly errno: number;
  readonly unsent: number;
}

/** Copies of the first `count` datagrams of a block. */
export function datagramsIn({ words, data }: DatagramBlock, count: number): Datagram[] {
  const all: Datagram[] = [];
  for (let i = 0, at = 0; i < count; i++, at += D_SIZE) {
    const start = words[at + D_OFFSET]!;
    const end = start + words[at + D_LENGTH]!;
    const segment = words[at + D_SEGMENT]!;
    const size = segment > 0 ? segment : Math.max(1, end - start);
    for (let from = start; from === start || from < end; from += size) {
      all.push({ bytes: data.slice(from, Math.min(from + size, end)), port: words[at + D_PORT]! });
    }
  }
  return all;
}

const NO_BYTES = new Uint8Array(0);
const LISTEN_OPTIONS: ListenSocketOptions = { backlog: 511, reusePort: false, ipv6Only: false };
/** How long a completion that must come may take on a busy machine. */
const PATIENCE = 10_000;

/** What arrived for one key and nobody has taken, or who waits for it. */
class Mailbox<T> {
  readonly #arrived: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(value);
    else waiting(value);
  }

  take(what: string): Promise<T> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} within ${PATIENCE} ms`)), PATIENCE);
      this.#waiting.push((value) => {
        clearTimeout(timer);
        resolve(value);
      });
    });
  }

  get size(): number {
    return this.#arrived.length;
  }
}

/**
 * A driver in the hands of a test: every operation as a promise of its completion, the bytes copied, the contract
 * looked at on every call (`CheckedDriver`), and everything put away after each row.
 */
export class Rig implements CompletionReceiver {
  readonly checked: CheckedDriver;
  readonly open: Map<number, number> = new Map();
  readonly faults: Map<number, Fault[]> = new Map();
  /** Runs inside `complete`, as an FD's waiter would. */
  onComplete: ((completion: Completion) => void) | null = null;
  rounds = 0;
  readonly #subject: Subject;
  readonly #boxes = new Map<string, Mailbox<Completion>>();
  /** What goes on without a new call. */
  readonly #multishot = new Set<string>();
  #pumping: NodeJS.Immediate | null = null;

  constructor(subject: Subject) {
    this.#subject = subject;
    this.checked = new CheckedDriver(subject.make());
    this.checked.start(this);
  }

  get driver(): Driver {
    return this.checked;
  }

  has(capability: Capability | HarnessCapability): boolean {
    return (
      this.checked.capabilities.has(capability as Capability) ||
      this.#subject.harness.has(capability as HarnessCapability)
    );
  }

  // CompletionReceiver

  complete(op: Op, slot: number, generation: number, result: number, offset: number, more: boolean): void {
    let bytes = NO_BYTES;
    if ((op === OP_RECV || op === OP_STREAM) && result > 0) {
      // Not `slice`: of one of Node's Buffers that is no copy.
      bytes = new Uint8Array(this.checked.slab.subarray(offset, offset + result));
      if (bytes.length < result)
        this.checked.violations.push(`${result} bytes at ${offset}: outside the slab`);
    }
    const datagrams = op === OP_DATAGRAMS ? datagramsIn(this.checked.datagrams.inbound, result) : [];
    if (more) this.#multishot.add(`${op} ${slot} ${generation}`);
    else this.#multishot.delete(`${op} ${slot} ${generation}`);
    if (op === OP_ACCEPT && result >= 0) this.open.set(result, offset);
    if (op === OP_CLOSE) this.open.delete(slot);
    const completion = { op, slot, generation, result, offset, more, bytes, datagrams };
    this.onComplete?.(completion);
    this.#box(op, slot, generation).put(completion);
  }

  fault(slot: number, generation: number, errno: number, unsent: number): void {
    if (generation !== this.open.get(slot))
      this.checked.violations.push(`a fault of slot ${slot}, which is not open`);
    this.faults.set(slot, [...(this.faults.get(slot) ?? []), { errno, unsent }]);
  }

  round(): void {
    this.rounds++;
  }

  // Operations, each with its completion

  /** The next completion of an operation that is in flight. */
  next(op: Op, slot: number): Promise<Completion> {
    const generation = this.open.get(slot);
    assert.notEqual(generation, undefined, `slot ${slot} is not open`);
    return this.#box(op, slot, generation!).take(`completion of operation ${op} of slot ${slot}`);
  }

  /** Whether a completion waits that no test has taken. */
  arrived(op: Op, slot: number): number {
    return this.#box(op, slot, this.open.get(slot) ?? -1).size;
  }

  /** Whether a multishot operation goes on: then no new call may begin one. */
  goesOn(op: Op, slot: number): boolean {
    return this.#multishot.has(`${op} ${slot} ${this.open.get(slot)}`);
  }

  /** Whether a synchronous receive is in order: nothing has come before it that a test has not taken. */
  mayAttempt(slot: number): boolean {
    return this.arrived(OP_RECV, slot) === 0 && !this.goesOn(OP_RECV, slot);
  }

  recv(slot: number, wanted = 4096): Promise<Completion> {
    if (this.arrived(OP_RECV, slot) === 0 && !this.goesOn(OP_RECV, slot)) this.driver.recv(slot, wanted);
    return this.next(OP_RECV, slot);
  }

  readable(slot: number): Promise<Completion> {
    this.driver.readable(slot);
    return this.next(OP_READABLE, slot);
  }

  writable(slot: number): Promise<Completion> {
    this.driver.writable(slot);
    return this.next(OP_WRITABLE, slot);
  }

  drain(slot: number, level = 0): Promise<Completion> {
    this.driver.drain(slot, level);
    return this.next(OP_DRAIN, slot);
  }

  shutdown(slot: number, how: 'read' | 'write'): Promise<Completion> {
    this.driver.shutdown(slot, how);
    return this.next(OP_SHUTDOWN, slot);
  }

  close(slot: number): Promise<Completion> {
    this.driver.close(slot);
    return this.next(OP_CLOSE, slot);
  }

  send(slot: number, bytes: Uint8Array): void {
    this.driver.stage(slot, bytes, 0, bytes.length);
  }

  /** Receives until `count` bytes came, the end, or an error. */
  async receive(slot: number, count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let received = 0; received < count; ) {
      const { result, bytes } = await this.recv(slot, Math.min(count - received, 16 * 1024));
      if (result < 0) throw new Error(`recv of slot ${slot} failed with ${result}`);
      if (result === 0) break;
      parts.push(bytes);
      received += result;
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  // Sockets

  /** A slot that the driver gave out: to be closed after the row. A negated errno is given back as it is. */
  opened(slot: number): number {
    if (slot >= 0) this.open.set(slot, this.driver.generationOf(slot));
    return slot;
  }

  listen(host = '127.0.0.1', port = 0, options: Partial<ListenSocketOptions> = {}): Promise<number> {
    return this.#opening(OP_LISTEN, this.driver.listen(host, port, { ...LISTEN_OPTIONS, ...options }));
  }

  /** A slot, or the negated errno of the call or of the completion. */
  connect(port: number, host = '127.0.0.1', local: { host: string; port: number } | null = null) {
    return this.#opening(OP_CONNECT, this.driver.connect(host, port, local));
  }

  listenUnix(name: string, options: Partial<UnixListenOptions> = {}): Promise<number> {
    const all = { packets: false, backlog: 511, mode: -1, ...options };
    return this.#opening(OP_LISTEN, this.driver.unix!.listen(name, all));
  }

  connectUnix(name: string, packets = false, local: string | null = null): Promise<number> {
    return this.#opening(OP_CONNECT, this.driver.unix!.connect(name, packets, local));
  }

  inherit(descriptor: number): Promise<number> {
    return this.#opening(OP_LISTEN, this.driver.inherit!(descriptor));
  }

  async accept(listener: number): Promise<number> {
    if (this.arrived(OP_ACCEPT, listener) === 0 && !this.goesOn(OP_ACCEPT, listener))
      this.driver.accept(listener);
    return (await this.next(OP_ACCEPT, listener)).result;
  }

  port(slot: number): number {
    const address = this.driver.localAddress(slot);
    assert.ok(address, 'an open slot has a local address');
    return address.port;
  }

  /** Two connected slots. */
  async pair(): Promise<[a: number, b: number]> {
    if (this.#subject.pair !== undefined) {
      const [a, b] = this.#subject.pair();
      return [this.opened(this.checked.adopt(a)), this.opened(this.checked.adopt(b))];
    }
    const listener = await this.listen();
    const [a, b] = await Promise.all([this.connect(this.port(listener)), this.accept(listener)]);
    assert.ok(a >= 0 && b >= 0, `a pair: ${a} ${b}`);
    await this.close(listener);
    return [a, b];
  }

  /** Asserts that the slot's fault is told, exactly once. */
  async faulted(slot: number): Promise<Fault> {
    await until(() => this.faults.has(slot), `a fault of slot ${slot}`, PATIENCE);
    const faults = this.faults.get(slot)!;
    assert.equal(faults.length, 1, 'a fault is told once');
    return faults[0]!;
  }

  // Life

  /** Before a row. What only moves when it is stepped is stepped from here on. */
  begin(): void {
    this.driver.hold();
    const { step } = this.#subject;
    if (step === undefined) return;
    const pump = () => {
      for (let i = 0; i < 50 && step(); i++);
      this.#pumping = setImmediate(pump);
    };
    pump();
  }

  /** After a row: closes what it left open and asserts that nobody broke the contract meanwhile. */
  async end(): Promise<void> {
    try {
      this.onComplete = null;
      const slots = [...this.open].filter(([slot]) => !this.#closing(slot));
      await Promise.all(slots.map(([slot]) => this.close(slot)));
      await until(() => this.open.size === 0, 'every slot to be closed', PATIENCE);
      this.faults.clear();
      this.#boxes.clear();
      assert.deepEqual(this.checked.violations.splice(0), []);
      assert.deepEqual(this.checked.unfinished, []);
    } finally {
      if (this.#pumping !== null) clearImmediate(this.#pumping);
      this.#pumping = null;
      this.driver.release();
    }
  }

  #closing(slot: number): boolean {
    return this.checked.unfinished.some(
      (text) => text.startsWith(`slot ${slot}:`) && text.endsWith(' closing'),
    );
  }

  async #opening(op: Op, slot: number): Promise<number> {
    if (this.opened(slot) < 0) return slot;
    const { result } = await this.next(op, slot);
    if (result === 0) return slot;
    assert.ok(result < 0, `an opening completes with 0 or a negated errno, not ${result}`);
    await this.close(slot);
    return result;
  }

  #box(op: Op, slot: number, generation: number): Mailbox<Completion> {
    const key = `${op} ${slot} ${generation}`;
    let box = this.#boxes.get(key);
    if (box === undefined) {
      box = new Mailbox();
      this.#boxes.set(key, box);
    }
    return box;
  }
}
