/**
 * The house rules that a machine can check: which folder may import from which, what the deterministic parts must not touch,
 * files that open with their reason and stay readable, and nothing that nobody uses.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** What a folder may import: whole folders, or single files of them. Root files of src are open to all. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  raft: [],
  resp: [],
  storage: [],
  slot: ['raft', 'storage'],
  commands: ['slot/txn', 'slot/keyspace', 'slot/keys', 'slot/hash', 'resp/reply'],
  rpc: ['raft'],
  node: ['raft', 'resp', 'storage', 'slot', 'commands', 'rpc'],
  pm: ['rpc', 'slot/hash'],
  cli: ['node', 'pm', 'rpc', 'resp'],
};
/** Of these folders a folder may know the shapes only. */
const TYPES_ONLY: Readonly<Record<string, string>> = { rpc: 'raft' };

/** Where the same inputs must give the same run. */
const DETERMINISTIC = /^(raft|slot|commands)\/|^pm\/(plan|resize|tables)\.ts$|^node\/membership-plan\.ts$/;
const BANNED: readonly (readonly [name: RegExp, instead: string])[] = [
  [/\bDate\b/, 'the time that is handed in (Env, WriteContext)'],
  [/\bMath\.random\b/, 'the dice that are handed in (Random)'],
  [/\bperformance\b/, 'Env.monotonicMs'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'Env.after, Env.defer'],
  [/\bprocess\.(nextTick|hrtime|env)\b/, 'Env, or the configuration'],
  [/\bcrypto\b/, 'Random'],
];

const LINES_MAX = 330;
const FUNCTION_LINES_MAX = 60;
/** Longer for now; these only ever shrink. A file that fits leaves the list. */
const LONGER_FILES: Readonly<Record<string, number>> = {
  'node/node.ts': 420,
  'node/session.ts': 343,
  'raft/log.ts': 338,
  'raft/raft.ts': 397,
  'slot/slot.ts': 463,
};

/** Started from outside; the second engine, which the simulated world is built on; and trees, until collections stand on them. */
const ENTRIES = [
  'cli/main.ts',
  'slot/tree-ordered.ts',
  'slot/tree-positional.ts',
  'storage/memory-engine.ts',
];

interface Source {
  /** Below src, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** Below src, or a package. */
  readonly target: string;
  readonly typesOnly: boolean;
}

const sources = readSources();

test('the rules below see what they judge', () => {
  const slot = sources.find(({ path }) => path === 'slot/proposals.ts');
  const targets = importsOf(slot!).map(({ target }) => target);
  assert.ok(targets.includes('raft/raft.ts') && targets.includes('env.ts'), targets.join());
  const probe = (body: string): Source => ({ path: 'raft/probe.ts', text: `/** */\n${body}` });
  assert.equal(mayImport('raft', 'slot/slot.ts'), false);
  assert.equal(
    bannedNames(probe("const now = Date.now(); // no 'Date' here\nconst word = 'Date';")).length,
    1,
  );
  assert.equal(nodeImports(probe("import { join } from 'node:path';")).length, 1);
  const long = ['export function long(', '  a: number,', '): void {', ...Array(61).fill('  a++;'), '}'].join(
    '\n',
  );
  assert.equal(longFunctions(probe(long)).length, 1);
});

test('folders import along the arrows only', () => {
  const wrong = sources.flatMap((source) => {
    const folder = folderOf(source.path);
    return importsOf(source)
      .filter(({ target }) => folder !== '' && !mayImport(folder, target))
      .map(({ target }) => `${source.path} -> ${target}`);
  });
  assert.deepEqual(wrong, []);
});

test('where shapes are enough, nothing but shapes is imported', () => {
  const wrong = sources.flatMap((source) =>
    importsOf(source)
      .filter(({ target, typesOnly }) => !typesOnly && TYPES_ONLY[folderOf(source.path)] === folderOf(target))
      .map(({ target }) => `${source.path} -> ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('the deterministic parts touch no clock, no dice, no timer and no part of Node', () => {
  const wrong = sources
    .filter(({ path }) => DETERMINISTIC.test(path))
    .flatMap((source) => [...bannedNames(source), ...nodeImports(source)]);
  assert.deepEqual(wrong, []);
});

test('a file opens with its reason', () => {
  const silent = sources.filter(({ text }) => !text.startsWith('/**')).map(({ path }) => path);
  assert.deepEqual(silent, []);
});

test('files and functions stay short enough to be read', () => {
  const long = sources
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ path, lines }) => lines > (LONGER_FILES[path] ?? LINES_MAX))
    .map(({ path, lines }) => `${path}: ${lines} lines`);
  assert.deepEqual([...long, ...sources.flatMap(longFunctions)], []);
});

test('the list of longer files shrinks with them', () => {
  const fits = Object.keys(LONGER_FILES).filter((path) => {
    const source = sources.find((one) => one.path === path);
    return source === undefined || source.text.split('\n').length - 1 <= LINES_MAX;
  });
  assert.deepEqual(fits, []);
});

test('no file that nobody imports', () => {
  const imported = new Set(sources.flatMap((source) => importsOf(source).map(({ target }) => target)));
  const dead = sources
    .map(({ path }) => path)
    .filter((path) => !imported.has(path) && !ENTRIES.includes(path));
  assert.deepEqual(dead, []);
});

test('imports make no circle of folders', () => {
  const below = (folder: string): readonly string[] =>
    (ARROWS[folder] ?? []).map((target) => target.split('/')[0]!);
  const visit = (folder: string, road: readonly string[]): void => {
    assert.ok(!road.includes(folder), [...road, folder].join(' -> '));
    for (const next of below(folder)) visit(next, [...road, folder]);
  };
  for (const folder of Object.keys(ARROWS)) visit(folder, []);
});

function mayImport(folder: string, target: string): boolean {
  if (!target.endsWith('.ts') || folderOf(target) === '' || folderOf(target) === folder) return true;
  const allowed = ARROWS[folder];
  assert.ok(allowed !== undefined, `src/${folder} has no arrows: say which it has`);
  return allowed.includes(folderOf(target)) || allowed.includes(target.slice(0, -'.ts'.length));
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function importsOf({ path, text }: Source): Import[] {
  const found: Import[] = [];
  const statement =
    /^(?:import|export)\b([^;]*?)\bfrom\s+'([^']+)';|\bimport\('([^']+)'\)|^import '([^']+)';/gm;
  for (const [, what = '', from, dynamic, bare] of text.matchAll(statement)) {
    const name = from ?? dynamic ?? bare!;
    const target = name.startsWith('.')
      ? posix.normalize(posix.join(posix.dirname(path), name)).replace(/\.js$/, '.ts')
      : name;
    found.push({ target, typesOnly: namesTypesOnly(what) || dynamic !== undefined });
  }
  return found;
}

function namesTypesOnly(what: string): boolean {
  if (/^\s*type\b/.test(what)) return true;
  const names = /\{([^}]*)\}/
    .exec(what)?.[1]
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names?.every((name) => name.startsWith('type ')) === true;
}

function nodeImports(source: Source): string[] {
  return importsOf(source)
    .filter(({ target }) => target.startsWith('node:'))
    .map(({ target }) => `${source.path}: ${target}`);
}

function bannedNames({ path, text }: Source): string[] {
  return codeOf(text)
    .split('\n')
    .flatMap((line, at) =>
      BANNED.filter(([name]) => name.test(line)).map(
        ([name, instead]) => `${path}:${at + 1}: ${name.source}; use ${instead}`,
      ),
    );
}

/** Without comments and the insides of strings, line for line. */
function codeOf(text: string): string {
  const blank = (part: string): string => part.replace(/[^\n]/g, ' ');
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, blank);
}

/** The formatter puts a function's closing brace where its first line begins. */
function longFunctions({ path, text }: Source): string[] {
  const lines = text.split('\n');
  const found: string[] = [];
  lines.forEach((line, start) => {
    const indent = /^( *).*(?:\)|\S): ?.*\{$|^( *).*(?:=>|\)) \{$/.exec(line);
    if (indent === null || /^\s*(?:if|for|while|switch|} else|} catch|try|else|return \{)\b/.test(line))
      return;
    if (/^\s*(?:export )?(?:abstract )?(?:class|interface|type)\b/.test(line)) return;
    const margin = indent[1] ?? indent[2] ?? '';
    const length = lines.slice(start + 1).findIndex((one) => one.startsWith(`${margin}}`));
    if (length > FUNCTION_LINES_MAX) found.push(`${path}:${start + 1}: ${length} lines`);
  });
  return found;
}

function readSources(): Source[] {
  const root = join(packageRoot(), 'src');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({ path: relative(root, file).split('\\').join('/'), text: readFileSync(file, 'utf8') }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The compiled test may lie in any output folder below the package. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'talus') return folder;
    assert.notEqual(folder, dirname(folder), 'no package.json of talus above this file');
  }
}
