/**
 * A sequence of commands that every Redis answers alike, one command a line; `""` is the empty argument. Each begins on an
 * empty table.
 *
 * The corner cases of options, of numbers and of ranges are there on purpose: they are what clients' own tests look at.
 */
export interface Sequence {
  readonly title: string;
  readonly lines: readonly string[];
}

export function sequence(title: string, text: string): Sequence {
  const lines = text.split('\n').map((line) => line.trim());
  return { title, lines: lines.filter((line) => line !== '') };
}
