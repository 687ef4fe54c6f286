import { type Indexed, IndexedMap } from './indexed-map.ts';

export interface Field extends Indexed {
  value: string;
}

export class Hash {
  readonly kind = 'hash';
  readonly fields = new IndexedMap<Field>();

  get length(): number {
    return this.fields.size;
  }

  get(key: string): string | undefined {
    return this.fields.get(key)?.value;
  }

  /** True: there was no such field. */
  set(key: string, value: string): boolean {
    const field = this.fields.get(key);
    if (field === undefined) {
      this.fields.add({ key, value, index: 0 });
      return true;
    }
    field.value = value;
    return false;
  }

  delete(key: string): boolean {
    const field = this.fields.get(key);
    if (field === undefined) return false;
    this.fields.delete(field);
    return true;
  }
}
