export * as io from './io/index.ts';
