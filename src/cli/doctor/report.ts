import type { FileEngineChoice } from '../../os/lanes.ts';
import type { DriverChoice } from '../../poll/index.ts';
import { type Feature, kernelFeatures } from './features.ts';
import { type Limit, systemLimits } from './limits.ts';
import { isAtLeast, type System } from './system.ts';

/** What executes file operations. */
export interface FilesReport extends FileEngineChoice {
  /** Why a ring cannot be had; null: it can. */
  readonly whyNoRing: string | null;
}

/** Everything that `gopark doctor` found; its JSON. */
export interface Report {
  readonly version: string;
  readonly node: { readonly version: string; readonly required: string; readonly supported: boolean };
  readonly platform: string;
  readonly arch: string;
  readonly kernel: string;
  readonly driver: DriverChoice;
  /** Whether bytes made it over loopback and back; null where no driver runs. */
  readonly works: boolean | null;
  /** Null: nobody has looked. */
  readonly files: FilesReport | null;
  readonly features: readonly Feature[];
  readonly limits: readonly Limit[];
  /** What could be better. */
  readonly advice: readonly string[];
  /** What prevents gopark from running: none, when all is right. */
  readonly problems: readonly string[];
}

export interface Manifest {
  readonly version: string;
  readonly engines: { readonly node: string };
}

/**
 * Puts the report together.
 *
 * @param failed what the self-test said; null: it went well
 * @param ring what became of an io_uring; null: none was tried
 */
export function makeReport(
  system: System,
  { version, engines }: Manifest,
  driver: DriverChoice,
  failed: string | null,
  files: FilesReport | null = null,
  ring: Feature | null = null,
): Report {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(engines.node) ?? [];
  const supported = isAtLeast(system.nodeVersion, Number(major), Number(minor));
  const limits = systemLimits(system);
  const advice = limits.map((limit) => limit.advice).filter((text) => text !== null);
  if (driver.degraded && driver.driver === 'epoll') {
    advice.unshift(
      'driver: io_uring is refused, often by the filter of a container (Docker: --security-opt seccomp=...) or by ' +
        'kernel.io_uring_disabled; without GOPARK_DRIVER=uring nothing is said of it',
    );
  } else if (driver.degraded) {
    advice.unshift(
      'driver: for epoll compile the native part: with a C compiler, in a clone node scripts/build-native.mjs, in a ' +
        'program npm install --save-dev node-api-headers and node node_modules/gopark/scripts/build-native.mjs; or ' +
        "install this platform's package, where there is one (npm install --include=optional)",
    );
  }
  const problems: string[] = [];
  if (!supported) problems.push(`Node ${system.nodeVersion} is too old: gopark needs ${engines.node}`);
  if (driver.driver === null) problems.push(driver.why);
  else if (failed !== null) problems.push(`the ${driver.driver} driver does not work here: ${failed}`);
  return {
    version,
    node: { version: system.nodeVersion, required: engines.node, supported },
    platform: system.platform,
    arch: system.arch,
    kernel: system.release,
    driver,
    works: driver.driver === null ? null : failed === null,
    files,
    features: kernelFeatures(system).map((feature) => (feature.name === ring?.name ? ring : feature)),
    limits,
    advice,
    problems,
  };
}
