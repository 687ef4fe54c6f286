/** What a command answers instead of doing what it was asked. The first word is the kind of error. */
export class CommandError extends Error {
  override name = 'CommandError';
}

export const wrongType = new CommandError(
  'WRONGTYPE Operation against a key holding the wrong kind of value',
);
export const syntaxError = new CommandError('ERR syntax error');
export const notInteger = new CommandError('ERR value is not an integer or out of range');
export const notFloat = new CommandError('ERR value is not a valid float');
export const noSuchKey = new CommandError('ERR no such key');
export const outOfRange = new CommandError('ERR index out of range');
export const notPositive = new CommandError('ERR value is out of range, must be positive');

export function wrongArity(name: string): CommandError {
  return new CommandError(`ERR wrong number of arguments for '${name}' command`);
}
