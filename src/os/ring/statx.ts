import fs from 'node:fs';

/** The size of the kernel's `struct statx`, and what we ask it to fill in. */
export const STATX_SIZE = 256;
/** The basic fields and the time of birth. */
export const STATX_MASK = 0xfff;

// Offsets in it.
const BLOCK_SIZE = 4;
const LINKS = 16;
const USER = 20;
const GROUP = 24;
const MODE = 28;
const INODE = 32;
const SIZE = 40;
const BLOCKS = 48;
const ACCESSED = 64;
const BORN = 80;
const CHANGED = 96;
const MODIFIED = 112;
const OWN_DEVICE = 128;
const DEVICE = 136;

const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What lies in `view` at `at` on, as node:fs would tell it. */
export function statsFrom(view: DataView, at: number): fs.Stats {
  const word = (offset: number) => view.getUint32(at + offset, LITTLE);
  const long = (offset: number) => Number(view.getBigUint64(at + offset, LITTLE));
  const time = (offset: number) =>
    Number(view.getBigInt64(at + offset, LITTLE)) * 1000 + word(offset + 8) / 1e6;
  // Not by its constructor, which is deprecated.
  const stats = Object.create(fs.Stats.prototype) as fs.Stats;
  return Object.assign(stats, {
    dev: device(word(DEVICE), word(DEVICE + 4)),
    mode: view.getUint16(at + MODE, LITTLE),
    nlink: word(LINKS),
    uid: word(USER),
    gid: word(GROUP),
    rdev: device(word(OWN_DEVICE), word(OWN_DEVICE + 4)),
    blksize: word(BLOCK_SIZE),
    ino: long(INODE),
    size: long(SIZE),
    blocks: long(BLOCKS),
    atimeMs: time(ACCESSED),
    mtimeMs: time(MODIFIED),
    ctimeMs: time(CHANGED),
    birthtimeMs: time(BORN),
    atime: date(time(ACCESSED)),
    mtime: date(time(MODIFIED)),
    ctime: date(time(CHANGED)),
    birthtime: date(time(BORN)),
  });
}

/** As Node rounds them. */
function date(ms: number): Date {
  return new Date(Math.round(ms));
}

/** Both halves of a device's number as one, as the C library puts them together. */
function device(major: number, minor: number): number {
  const low = ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & ~0xff) << 12);
  return (low >>> 0) + (major & ~0xfff) * 2 ** 32;
}
