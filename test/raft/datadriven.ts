/**
 * Reads the cases of etcd raft's own exam: a command line, optional input, `----`, the expected output up to an empty line.
 * The files lie beside the checkout; where they are missing, the tests that need them say that they were skipped.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Case {
  readonly where: string;
  readonly command: string;
  /** `key=value`, `key=(a, b)`, or a bare word with no values. */
  readonly args: readonly { readonly key: string; readonly values: readonly string[] }[];
  readonly input: readonly string[];
  readonly output: readonly string[];
}

export interface CaseFile {
  readonly name: string;
  readonly cases: readonly Case[];
}

/** Undefined when the folder is not there. */
export function caseFiles(folder: string): CaseFile[] | undefined {
  const path = join(packageRoot(), '..', 'shared', 'testdata', 'etcd-raft', folder);
  if (!existsSync(path)) return undefined;
  const names = readdirSync(path).filter((name) => name.endsWith('.txt'));
  return names
    .sort()
    .map((name) => ({ name, cases: parseCases(name, readFileSync(join(path, name), 'utf8')) }));
}

export const missingReason = 'shared/testdata/etcd-raft is not beside the checkout';

function packageRoot(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'talus') return folder;
  }
  throw new Error('the package root was not found');
}

function parseCases(name: string, text: string): Case[] {
  const lines = text.split('\n');
  const cases: Case[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.trim() === '' || line.startsWith('#')) {
      at++;
      continue;
    }
    const start = at;
    while (at < lines.length && lines[at] !== '----') at++;
    const end = lines.findIndex((candidate, position) => position > at && candidate.trim() === '');
    const stop = end < 0 ? lines.length : end;
    const [head, ...input] = lines.slice(start, at);
    cases.push({
      where: `${name}:${start + 1}`,
      ...parseHead(head!),
      input,
      output: lines.slice(at + 1, stop),
    });
    at = stop;
  }
  return cases;
}

function parseHead(head: string): Pick<Case, 'command' | 'args'> {
  const words = head.match(/[^\s=()]+(=\([^)]*\)|=\S+)?/g) ?? [];
  const [command, ...rest] = words;
  const args = rest.map((word) => {
    const [key, value] = word.split('=', 2);
    const values = value === undefined ? [] : value.replace(/[()]/g, '').split(/[\s,]+/);
    return { key: key!, values: values.filter((item) => item !== '') };
  });
  return { command: command!, args };
}

export function argument(testCase: Case, key: string): readonly string[] | undefined {
  return testCase.args.find((argument) => argument.key === key)?.values;
}
