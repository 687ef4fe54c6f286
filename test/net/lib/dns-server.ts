import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';

const TYPES = { A: 1, NS: 2, CNAME: 5, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33 } as const;
export type RecordType = keyof typeof TYPES;

export interface Question {
  readonly name: string;
  readonly type: RecordType;
}

/** What a record says, in the order of its fields on the wire. */
export type RecordData =
  | string
  | { preference: number; host: string }
  | { priority: number; weight: number; port: number; target: string };

/** Records of the type that was asked for, an error code of DNS (3: no such name), or no answer at all. */
export type Answer = readonly RecordData[] | number | 'silence';

function encodeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.');
  return Buffer.concat(
    [...labels.map((label) => Buffer.from(`\u0000${label}`, 'latin1')), Buffer.alloc(1)].map((part) => {
      if (part.length > 1) part[0] = part.length - 1;
      return part;
    }),
  );
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail)];
  const all = address.includes('::')
    ? [...first, ...Array(8 - first.length - last.length).fill(0), ...last]
    : first;
  const bytes = Buffer.alloc(16);
  all.forEach((group, i) => {
    bytes.writeUInt16BE(group, 2 * i);
  });
  return bytes;
}

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  values.forEach((value, i) => {
    bytes.writeUInt16BE(value, 2 * i);
  });
  return bytes;
}

function encodeData(data: RecordData, type: RecordType): Buffer {
  if (typeof data !== 'string') {
    return 'host' in data
      ? Buffer.concat([numbers(data.preference), encodeName(data.host)])
      : Buffer.concat([numbers(data.priority, data.weight, data.port), encodeName(data.target)]);
  }
  if (type === 'A') return Buffer.from(data.split('.').map(Number));
  if (type === 'AAAA') return ipv6Bytes(data);
  if (type !== 'TXT') return encodeName(data);
  // In pieces, as long texts come.
  const pieces = data.match(/.{1,200}/gs) ?? [''];
  return Buffer.concat(pieces.flatMap((piece) => [Buffer.of(piece.length), Buffer.from(piece, 'latin1')]));
}

function parseQuestion(message: Buffer): { question: Question; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const number = message.readUInt16BE(at + 1);
  const type = (Object.keys(TYPES) as RecordType[]).find((name) => TYPES[name] === number);
  return { question: { name: labels.join('.').toLowerCase(), type: type ?? 'A' }, end: at + 5 };
}

/** A DNS server on loopback that answers as a test tells it to, and remembers what it was asked. */
export class DNSServer implements AsyncDisposable {
  readonly asked: Question[] = [];
  readonly #socket: Socket;
  readonly #answer: (question: Question) => Answer | Promise<Answer>;

  private constructor(socket: Socket, answer: (question: Question) => Answer | Promise<Answer>) {
    this.#socket = socket;
    this.#answer = answer;
    socket.on('message', (message, from) => void this.#reply(message, from));
  }

  static async start(answer: (question: Question) => Answer | Promise<Answer>): Promise<DNSServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new DNSServer(socket, answer);
  }

  /** For `servers` of a Resolver. */
  get address(): string {
    const { address, port } = this.#socket.address();
    return isIPv4(address) ? `${address}:${port}` : `[${address}]:${port}`;
  }

  count(type: RecordType): number {
    return this.asked.filter((question) => question.type === type).length;
  }

  async #reply(message: Buffer, from: RemoteInfo): Promise<void> {
    const { question, end } = parseQuestion(message);
    this.asked.push(question);
    const answer = await this.#answer(question);
    if (answer === 'silence') return;
    const records = typeof answer === 'number' ? [] : answer;
    const header = Buffer.from(message.subarray(0, 12));
    header.writeUInt16BE(0x8180 | (typeof answer === 'number' ? answer : 0), 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt16BE(0, 8);
    header.writeUInt16BE(0, 10);
    const bodies = records.map((record) => {
      const data = encodeData(record, question.type);
      // The name is the question's; class IN; good for no time.
      return Buffer.concat([numbers(0xc00c, TYPES[question.type], 1, 0, 0, data.length), data]);
    });
    try {
      this.#socket.send(
        Buffer.concat([header, message.subarray(12, end), ...bodies]),
        from.port,
        from.address,
      );
    } catch {
      // Closed meanwhile: whoever asked has gone, too.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}
