// A reporter of `node --test`: how many tests passed, failed and were skipped, as JSON. A skip that says "portable
// lacks linger" is counted by what was lacking (test/lib/needs.ts).

export default async function* counts(events) {
  const result = { passed: 0, failed: 0, skipped: 0, lacking: {}, failures: [] };
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (type === 'test:fail') {
      const suite = data.details.type === 'suite';
      // A suite fails with its tests: they are what is to be told.
      if (suite && data.details.error?.failureType === 'subtestsFailed') continue;
      result.failed++;
      result.failures.push({ name: data.name, file: data.file ?? '', line: data.line ?? 0 });
    } else if (data.skip !== undefined || data.todo !== undefined) {
      // A suite that is skipped is one skip: its tests are not even told.
      result.skipped++;
      const lacking = /lacks (.+)$/.exec(String(data.skip))?.[1] ?? 'other reasons';
      result.lacking[lacking] = (result.lacking[lacking] ?? 0) + 1;
    } else if (data.details.type !== 'suite') {
      result.passed++;
    }
  }
  yield JSON.stringify(result);
}
