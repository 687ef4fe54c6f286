import { runPages } from './run-pages.ts';

runPages('guides', (page) => page.startsWith('docs/from-'));
