import { runPages } from './run-pages.ts';

runPages('docs', (page) => page.startsWith('docs/') && !page.startsWith('docs/from-'));
