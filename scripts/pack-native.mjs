// Writes the npm package that holds the native part for this machine's kind: `node scripts/pack-native.mjs [folder]`.
// To be run once on each kind of machine that gopark is published for; CONTRIBUTING.md says how they are published.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildNative } from './build-native.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Builds, and writes the package into `folder`. Returns its name. Throws where it cannot be built or not be loaded. */
export async function packNative(folder) {
  const why = buildNative({ quiet: true });
  if (why !== null) throw new Error(`pack-native: ${why}`);
  const { objection, platformPackage, thisHost } = await import('../dist/poll/drivers/native-file.js');
  const host = thisHost();
  const file = `${root}native/build/gopark.node`;
  const objected = objection(readFileSync(file), host);
  if (objected !== null) throw new Error(`pack-native: ${file}: ${objected}`);
  const name = platformPackage(host);
  const own = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const manifest = {
    name,
    version: own.version,
    description: `The native part of gopark for ${host.platform} on ${host.arch}, ${host.libc}.`,
    license: own.license,
    engines: own.engines,
    os: [host.platform],
    cpu: [host.arch],
    libc: [host.libc],
    files: ['gopark.node'],
  };
  mkdirSync(folder, { recursive: true });
  copyFileSync(file, resolve(folder, 'gopark.node'));
  copyFileSync(`${root}LICENSE`, resolve(folder, 'LICENSE'));
  writeFileSync(resolve(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(
    resolve(folder, 'README.md'),
    `# ${name}\n\n${manifest.description} Installed by gopark itself.\n`,
  );
  return name;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? `${root}build/native-package`);
  console.log(`${await packNative(folder)} is in ${folder}: npm publish ${folder} --access public`);
}
