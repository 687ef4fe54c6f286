import type { Native } from '../epoll/native.ts';
import { type Refusal, Ring } from './ring.ts';

/** Submissions of one round of goroutines go with one call, unless they are very many. */
const SIZES = { submissions: 1024, completions: 8192 };

let made: Ring | Refusal | null = null;

/** The ring of this thread, for all who use one, or why there is none. Made with the first call. */
export function threadRing(native: Native): Ring | Refusal {
  made ??= Ring.open(native, SIZES);
  return made;
}
