import { expect, type Workload } from './workload.ts';

const MIB = 2 ** 20;

export const workloads: readonly Workload[] = [
  {
    name: 'io: copy, KiB through a limited reader',
    count: 1024,
    make({ io, bytes }) {
      const source = new bytes.Reader(new Uint8Array(MIB));
      return async () => {
        await source.seek(0, 'start');
        expect(await io.copy(io.discard, io.limitReader(source, MIB)), MIB);
      };
    },
  },
  {
    name: 'io: pipe, messages of 64 B',
    count: 200,
    make({ io }) {
      const message = new Uint8Array(64);
      const p = new Uint8Array(64);
      return async () => {
        const [reader, writer] = io.pipe();
        const writing = (async () => {
          for (let i = 0; i < 200; i++) await writer.write(message);
          await writer.close();
        })();
        let messages = 0;
        while ((await io.readFull(reader, p)) !== null) messages++;
        await writing;
        expect(messages, 200);
      };
    },
  },
  {
    name: 'io: readAll, KiB',
    count: 256,
    make({ io, bytes }) {
      const source = new bytes.Reader(new Uint8Array(MIB / 4));
      return async () => {
        await source.seek(0, 'start');
        expect((await io.readAll(io.limitReader(source, MIB))).length, MIB / 4);
      };
    },
  },
];
