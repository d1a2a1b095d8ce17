/**
 * What was read is not what was written: told apart from all other failures, because it is answered otherwise. A disk that fails
 * stops the process; a replica whose data rotted is shut and rebuilt from its peers.
 */
export class DamageError extends Error {
  override readonly name = 'DamageError';
}

/** Also what LevelDB itself found out while it read. */
export function isDamage(why: unknown): why is Error {
  if (!(why instanceof Error)) return false;
  return why instanceof DamageError || codesOf(why).includes('LEVEL_CORRUPTION');
}

/** abstract-level wraps the engine's error when it can't open. */
function codesOf(why: Error): readonly unknown[] {
  const codes: unknown[] = 'code' in why ? [why.code] : [];
  return why.cause instanceof Error ? [...codes, ...codesOf(why.cause)] : codes;
}
