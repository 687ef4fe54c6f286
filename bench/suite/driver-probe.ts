// Which driver this process would have, for GOPARK_DRIVER as it is set: one line of JSON.
import { driverChoice } from '#dist/poll/index.js';

console.log(JSON.stringify(driverChoice()));
