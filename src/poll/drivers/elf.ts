/**
 * As much of the ELF format as it takes to tell a library that the dynamic linker will refuse, or die of, from one
 * that it can load: a file that ends too early is mapped all the same and kills the process (SIGBUS) when it is
 * touched.
 */

/** What of an ELF file says where it can run. */
export interface ElfFacts {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly type: number;
  readonly machine: number;
  /** The program that loads it: `/lib64/ld-linux-x86-64.so.2`; null for libraries. */
  readonly interpreter: string | null;
  /** The libraries it needs by name. */
  readonly needed: readonly string[];
}

/** Why a file is no whole ELF file. */
export class ElfError extends Error {}

export const ET_DYN = 3;

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
/** More than any real file has of either; bounds what a damaged one makes us do. */
const MOST_ENTRIES = 4096;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** Reads numbers at absolute places; what lies behind the end throws ElfError. */
class Fields {
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly #view: DataView;
  readonly #bytes: Uint8Array;

  constructor(file: Uint8Array) {
    if (file.length === 0) throw new ElfError('the file is empty');
    const isElf = file[0] === 0x7f && file[1] === 0x45 && file[2] === 0x4c && file[3] === 0x46;
    if (!isElf) throw new ElfError('not an ELF file');
    this.#view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    this.#bytes = file;
    this.bits = this.u8(4) === 2 ? 64 : 32;
    this.littleEndian = this.u8(5) === 1;
  }

  private within(at: number, size: number): void {
    if (at + size > this.#bytes.length) throw new ElfError('the file is truncated');
  }

  u8(at: number): number {
    this.within(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.within(at, 2);
    return this.#view.getUint16(at, this.littleEndian);
  }

  u32(at: number): number {
    this.within(at, 4);
    return this.#view.getUint32(at, this.littleEndian);
  }

  /** A number as wide as the file's addresses. */
  word(at: number): number {
    if (this.bits === 32) return this.u32(at);
    this.within(at, 8);
    return Number(this.#view.getBigUint64(at, this.littleEndian));
  }

  text(at: number): string {
    const end = this.#bytes.indexOf(0, at);
    if (end < 0) throw new ElfError('the file is truncated');
    return Buffer.from(this.#bytes.subarray(at, end)).toString('latin1');
  }
}

function segments(fields: Fields): Segment[] {
  const wide = fields.bits === 64;
  const start = fields.word(wide ? 32 : 28);
  const size = fields.u16(wide ? 54 : 42);
  const count = fields.u16(wide ? 56 : 44);
  if (count === 0 || count > MOST_ENTRIES) throw new ElfError(`the file has ${count} program headers`);
  return Array.from({ length: count }, (_, i) => {
    const at = start + i * size;
    return {
      type: fields.u32(at),
      offset: fields.word(at + (wide ? 8 : 4)),
      address: fields.word(at + (wide ? 16 : 8)),
      size: fields.word(at + (wide ? 32 : 16)),
    };
  });
}

function neededLibraries(fields: Fields, all: readonly Segment[]): string[] {
  const dynamic = all.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return [];
  const word = fields.bits / 8;
  const names: number[] = [];
  let strings = 0;
  for (let i = 0; i < MOST_ENTRIES && (i + 1) * 2 * word <= dynamic.size; i++) {
    const at = dynamic.offset + i * 2 * word;
    const tag = fields.word(at);
    if (tag === DT_NULL) break;
    if (tag === DT_NEEDED) names.push(fields.word(at + word));
    if (tag === DT_STRTAB) strings = fields.word(at + word);
  }
  const home = all.find(
    ({ type, address, size }) => type === PT_LOAD && address <= strings && strings < address + size,
  );
  if (home === undefined) return [];
  return names.map((name) => fields.text(strings - home.address + home.offset + name));
}

/**
 * Reads an ELF file; `whole` also makes sure that everything its headers name lies within it.
 *
 * @param file all of the file, or, without `whole`, as much of its start as holds its headers and its interpreter
 * @throws ElfError
 */
export function readElf(file: Uint8Array, { whole }: { whole: boolean }): ElfFacts {
  const fields = new Fields(file);
  const wide = fields.bits === 64;
  const all = segments(fields);
  if (whole) {
    // The table of sections stands last in what linkers write.
    const sections = fields.word(wide ? 40 : 32) + fields.u16(wide ? 58 : 46) * fields.u16(wide ? 60 : 48);
    const ends = all.filter(({ type }) => type === PT_LOAD).map(({ offset, size }) => offset + size);
    if (Math.max(sections, ...ends) > file.length) throw new ElfError('the file is truncated');
  }
  const interpreter = all.find(({ type }) => type === PT_INTERP);
  return {
    bits: fields.bits,
    littleEndian: fields.littleEndian,
    type: fields.u16(16),
    machine: fields.u16(18),
    interpreter: interpreter === undefined ? null : fields.text(interpreter.offset),
    needed: whole ? neededLibraries(fields, all) : [],
  };
}
