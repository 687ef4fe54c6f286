export { onArrive, onConnect, onRequest } from './burner.ts';
