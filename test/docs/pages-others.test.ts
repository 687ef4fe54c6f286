import { runPages } from './run-pages.ts';

runPages('others', (page) => !page.startsWith('docs/'));
