// An echo server in C on Node's event loop, and no JavaScript: see bench/echo/peers/echo-in-node.c.
import { createRequire } from 'node:module';

const addon = createRequire(import.meta.url)(process.env.ADDON!) as { listen(): number };
console.log(addon.listen());
