/**
 * Invariants stay on in production: a broken one stops the process with the numbers in the message,
 * because going on would turn one wrong step into lost data.
 */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws InvariantError with `fields` in the message unless `condition` holds. */
export function invariant(
  condition: boolean,
  message: string,
  fields?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new InvariantError(fields ? `${message} ${JSON.stringify(fields)}` : message);
}

/** For the default branch of a switch over a closed union. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
