import type { Limit } from './limits.ts';
import type { FilesReport, Report } from './report.ts';

const WIDTH = 14;
const row = (name: string, text: string) => `  ${name.padEnd(WIDTH)}${text}`.trimEnd();

const VALUE_WIDTH = 15;

function limitRow({ name, value, hard, detail, advice }: Limit): string {
  const known = value === null ? 'unknown here' : String(value);
  const most = hard === null || hard === value ? '' : `, at most ${hard}`;
  return row(name, `${`${known}${advice === null ? '' : ' (low)'}`.padEnd(VALUE_WIDTH)} ${detail}${most}`);
}

function filesRows({ engine, why, whyNoRing }: FilesReport): string[] {
  const runs = row(engine, `${engine === 'threads' ? 'run' : 'runs'}: ${why}`);
  if (engine === 'uring') return [runs];
  const ring = whyNoRing === null ? 'can run: GOPARK_FILES=uring' : `cannot run: ${whyNoRing}`;
  return [runs, row('uring', ring)];
}

/** The report for a person. */
export function printed(report: Report): string {
  const { driver, node } = report;
  const file = driver.nativeFile === null ? '' : ` (${driver.nativeFile})`;
  const lines = [
    `gopark ${report.version}, Node ${node.version} (${node.required} is needed), ` +
      `${report.platform} ${report.arch}, kernel ${report.kernel}`,
    '',
    'Driver',
    driver.driver === null ? row('none', driver.why) : row(driver.driver, `runs: ${driver.why}${file}`),
  ];
  if (report.works !== null) {
    lines.push(row('', report.works ? 'bytes made it over loopback and back' : 'it does not work'));
  }
  lines.push(...driver.others.map((other) => row(other.driver, `does not run: ${other.why}`)));
  if (report.files !== null) lines.push('', 'Files', ...filesRows(report.files));
  lines.push('', 'Kernel');
  lines.push(
    ...report.features.map(({ name, state, detail }) =>
      row(name, detail === '' ? state : `${state}: ${detail}`),
    ),
  );
  lines.push('', 'Limits', ...report.limits.map(limitRow), '');
  if (report.advice.length > 0) lines.push('Advice', ...report.advice.map((text) => `  ${text}`), '');
  lines.push(
    ...(report.problems.length === 0
      ? ['Nothing prevents gopark from running.']
      : ['gopark cannot run:', ...report.problems.map((text) => `  ${text}`)]),
  );
  return lines.join('\n');
}
