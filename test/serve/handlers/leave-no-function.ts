export { onRequest } from './loop.ts';
export const onLeave = true;
