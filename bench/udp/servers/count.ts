// What all receivers do alike: tell their port, and their count for each line of their input.
import { stdin } from 'node:process';

export function serveCount(port: number, count: () => number): void {
  console.log(port);
  stdin.setEncoding('utf8').on('data', () => console.log(count()));
  stdin.on('end', () => process.exit());
}
