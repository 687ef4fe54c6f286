/** Resident memory of this process, in bytes; null where no descriptor is left to ask the system with. */
export function residentMemory(): number | null {
  try {
    return process.memoryUsage.rss();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return null;
    throw error;
  }
}
