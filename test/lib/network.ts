import assert from 'node:assert/strict';
import { TCPConn, TCPListener } from 'gopark/net';
import type { Driver } from '#dist/poll/driver.js';
import { Poller } from '#dist/poll/poller.js';
import { CheckedDriver } from './checked-driver.ts';
import { fdOf } from './inside.ts';
import type { Pair } from './pair.ts';
import { until } from './waiting.ts';

interface Settings {
  strict: boolean;
  closeTimeout: number;
}
// The constructors are internal; here connections are put on a driver of the test's own.
type Make<T> = new (poller: Poller, slot: number, settings: Settings, local: null) => T;
const MakeConn = TCPConn as unknown as Make<TCPConn>;
const MakeListener = TCPListener as unknown as Make<TCPListener>;

const SETTINGS: Settings = { strict: false, closeTimeout: 5000 };
const LISTEN_OPTIONS = { backlog: 511, reusePort: false, ipv6Only: false };

/** Connections over a driver of the test's own, on which every call is held to the contract. */
export class Network {
  readonly checked: CheckedDriver;
  readonly #poller: Poller;

  constructor(driver: Driver) {
    this.checked = new CheckedDriver(driver);
    this.#poller = new Poller(this.checked);
  }

  async listen(): Promise<TCPListener> {
    const slot = this.checked.listen('127.0.0.1', 0, LISTEN_OPTIONS);
    assert.ok(slot >= 0, `listen: ${slot}`);
    const listener = new MakeListener(this.#poller, slot, SETTINGS, null);
    await fdOf(listener).listening();
    return listener;
  }

  async dial(port: number): Promise<TCPConn> {
    const slot = this.checked.connect('127.0.0.1', port, null);
    assert.ok(slot >= 0, `connect: ${slot}`);
    const conn = new MakeConn(this.#poller, slot, SETTINGS, null);
    try {
      await fdOf(conn).connected(undefined);
    } catch (error) {
      conn.closeNow();
      throw error;
    }
    return conn;
  }

  /** Nobody else may accept from `listener` meanwhile. */
  async pair(listener: TCPListener): Promise<Pair<TCPConn>> {
    const [b, a] = await Promise.all([listener.accept(), this.dial(listener.addr.port)]);
    return { a, b };
  }

  /** Asserts that nobody broke the contract, every slot is free again and nothing is waited for. */
  async atRest(): Promise<void> {
    await until(
      () => this.checked.unfinished.length === 0,
      `all closed: ${this.checked.unfinished.join(', ')}`,
    );
    assert.deepEqual(this.checked.violations, []);
    assert.equal(this.checked.holds, 0);
  }
}
