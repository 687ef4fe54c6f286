/** Why a row is skipped, in the one form that the summary of `npm test` counts by. */
export function lacks(driver: string, capability: string): string {
  return `${driver} lacks ${capability}`;
}
