/** An executor that leaves the two functions where the caller finds them: a closure less for each parked call. */
let capturedResolve: (value: never) => void;
let capturedReject: (reason: unknown) => void;
function capture(resolve: (value: never) => void, reject: (reason: unknown) => void): void {
  capturedResolve = resolve;
  capturedReject = reject;
}

/** Anything that can be woken later. */
export interface Parked<T> {
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
}

/** The promise that `spot`'s two functions settle. */
export function park<T>(spot: Parked<T>): Promise<T> {
  const promise = new Promise<T>(
    capture as (resolve: (value: T) => void, reject: (reason: unknown) => void) => void,
  );
  spot.resolve = capturedResolve as unknown as (value: T) => void;
  spot.reject = capturedReject;
  return promise;
}
