import { endianness } from 'node:os';

/** Longer than the kernel's structure is today: fields that it does not have stay 0. */
export const TCP_INFO_SIZE = 256;

const STATES = [
  'unknown',
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'closed',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
  'new-syn-received',
] as const;

/**
 * What the kernel knows of a TCP connection at one instant (Linux: `TCP_INFO`). Fields that this kernel is too old
 * for are 0.
 *
 * @example
 * ```ts
 * import { dial } from 'gopark/net';
 *
 * await using conn = await dial('tcp', 'example.com:80');
 * const { rtt, retransmits, unsentBytes } = conn.info();
 * console.log(`${rtt} ms there and back, ${retransmits} segments sent again, ${unsentBytes} bytes wait`);
 * ```
 */
export interface TCPInfo {
  readonly state: (typeof STATES)[number];
  /** Smoothed time there and back, in milliseconds, with fractions. */
  readonly rtt: number;
  /** How much it varies, in milliseconds. */
  readonly rttVariance: number;
  /** The least that was seen lately, in milliseconds. */
  readonly minimumRTT: number;
  /** When the next retransmission would be due, in milliseconds. */
  readonly retransmissionTimeout: number;
  /** Segments sent again, in all. */
  readonly retransmits: number;
  /** Segments sent and not acknowledged. */
  readonly unacknowledged: number;
  /** Segments believed to be lost. */
  readonly lost: number;
  /** The congestion window, in segments of `sendSegmentSize` bytes. */
  readonly congestionWindow: number;
  readonly sendSegmentSize: number;
  readonly receiveSegmentSize: number;
  /** The largest packet that the path takes, in bytes. */
  readonly pathMTU: number;
  /** Milliseconds since data was last sent, and last received. */
  readonly sinceDataSent: number;
  readonly sinceDataReceived: number;
  /** Milliseconds since the peer last acknowledged anything. */
  readonly sinceAcknowledged: number;
  /** Bytes that the peer has acknowledged, and that came from it. */
  readonly bytesAcknowledged: number;
  readonly bytesReceived: number;
  /** Bytes sent again. */
  readonly bytesRetransmitted: number;
  /** Bytes in the kernel's send buffer that were never sent so far. */
  readonly unsentBytes: number;
  /** Bytes a second that were delivered, measured lately. */
  readonly deliveryRate: number;
  /** Keep-alive or window probes without an answer. */
  readonly probes: number;
}

const LITTLE = endianness() === 'LE';

/** Reads a `struct tcp_info`: its beginning is the same in every Linux. */
export function parseTCPInfo(bytes: Uint8Array): TCPInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => view.getUint32(at, LITTLE);
  const long = (at: number) => Number(view.getBigUint64(at, LITTLE));
  const micro = (at: number) => word(at) / 1000;
  return {
    state: STATES[view.getUint8(0)] ?? 'unknown',
    probes: view.getUint8(3),
    retransmissionTimeout: micro(8),
    sendSegmentSize: word(16),
    receiveSegmentSize: word(20),
    unacknowledged: word(24),
    lost: word(32),
    sinceDataSent: word(44),
    sinceDataReceived: word(52),
    sinceAcknowledged: word(56),
    pathMTU: word(60),
    rtt: micro(68),
    rttVariance: micro(72),
    congestionWindow: word(80),
    retransmits: word(100),
    bytesAcknowledged: long(120),
    bytesReceived: long(128),
    unsentBytes: word(144),
    minimumRTT: micro(148),
    deliveryRate: long(160),
    bytesRetransmitted: long(208),
  };
}
