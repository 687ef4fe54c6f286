import { Hash } from './hash.ts';
import { List } from './list.ts';
import { Members } from './members.ts';
import { SortedSet } from './sorted-set.ts';
import type { Value } from './value.ts';

/** A value of its own with the same content. */
export function copyOf(value: Value): Value {
  if (typeof value === 'string') return value;
  switch (value.kind) {
    case 'list': {
      const copy = new List();
      for (let i = 0; i < value.length; i++) copy.push(value.at(i));
      return copy;
    }
    case 'hash': {
      const copy = new Hash();
      for (const field of value.fields.all()) copy.set(field.key, field.value);
      return copy;
    }
    case 'set': {
      const copy = new Members();
      for (const member of value.keys()) copy.add(member);
      return copy;
    }
    case 'zset': {
      const copy = new SortedSet();
      for (const { key, score } of value.scores.all()) copy.set(key, score);
      return copy;
    }
  }
}
