import { LinkBuffer, type LinkOwner } from '../linkbuffer/index.ts';
import { settings } from './pool.ts';

/** More at a time than have something to read or write at once only rarely. */
const MOST = 256;

/** Buffers that nobody uses just now: connections have one only while there is something in it. */
let spare: LinkBuffer[] = [];
let blocks = settings.blocks;

export function takeBuffer(owner: LinkOwner | null): LinkBuffer {
  if (blocks !== settings.blocks) {
    blocks = settings.blocks;
    spare = [];
  }
  const buffer = spare.pop();
  if (buffer === undefined) return new LinkBuffer({ owner, pool: blocks });
  buffer.reset(owner);
  return buffer;
}

/** Gives an idle buffer back. */
export function giveBuffer(buffer: LinkBuffer): void {
  if (spare.length < MOST) spare.push(buffer);
}
