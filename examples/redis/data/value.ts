import type { Hash } from './hash.ts';
import type { List } from './list.ts';
import type { Members } from './members.ts';
import type { SortedSet } from './sorted-set.ts';

/** What a key holds. A string's characters are its bytes. */
export type Value = string | List | Hash | Members | SortedSet;

export type Kind = 'string' | 'list' | 'hash' | 'set' | 'zset';

export function kindOf(value: Value): Kind {
  return typeof value === 'string' ? 'string' : value.kind;
}
