/**
 * Settings of a process: one YAML file, and for every key of it a flag and an environment variable.
 *
 *   schema key `bootstrapNodes`  =  YAML `bootstrap-nodes`  =  `--bootstrap-nodes`  =  `TALUS_BOOTSTRAP_NODES`
 *
 * A flag beats the environment, that beats the file, that beats the default. Every complaint names the key, where the value
 * came from, the value, and what was expected; a key that is not known is refused with the nearest one that is.
 *
 * A key with `.meta({ secret: true })` is never a flag and never in the YAML file, where others may read it: it comes from
 * its environment variable, or from a file of its own that `<key>-file` names (a key, flag and variable like any other).
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

/** Of one line, for the person who wrote the setting. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigSources {
  /** Path of the YAML file. */
  readonly file?: string | undefined;
  /** By schema key, as commander gives them; undefined means not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What JSON Schema says of a key: enough to read text, to complain and to describe. */
interface KeyFacts {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly description?: string;
  readonly secret?: boolean;
}

interface Given {
  readonly value: unknown;
  /** Where it came from, for messages. */
  readonly from: string;
}

export function loadConfig<Schema extends z.ZodObject>(
  schema: Schema,
  sources: ConfigSources,
): z.output<Schema> {
  const file = readConfigFile(schema, sources.file);
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(schema.shape)) {
    const facts = factsOf(schema, key);
    const given = facts.secret ? givenSecret(key, sources, file) : givenPlain(key, sources, file);
    if (given) values[key] = checked(schema, key, facts, given);
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const key = issue.path[0] === undefined ? 'the settings' : kebab(String(issue.path[0]));
  const isMissing = issue.code === 'invalid_type' && !(String(issue.path[0]) in values);
  throw new ConfigError(
    isMissing ? `${key} is required (${waysToSet(String(issue.path[0]))})` : `${key}: ${issue.message}`,
  );
}

/** Adds `--config` and one option for each key of the schema. */
export function addConfigOptions(command: Command, schema: z.ZodObject): Command {
  command.option('--config <file>', 'YAML file with the settings below');
  for (const key of Object.keys(schema.shape)) {
    const facts = factsOf(schema, key);
    const name = facts.secret ? `${kebab(key)}-file` : kebab(key);
    // A boolean may stand alone; text is checked by loadConfig, with the other sources.
    const placeholder = facts.type === 'boolean' ? '[true|false]' : `<${placeholderOf(facts)}>`;
    command.option(`--${name} ${placeholder}`, describe(facts));
  }
  return command;
}

export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function environmentName(key: string): string {
  return `TALUS_${kebab(key).replaceAll('-', '_').toUpperCase()}`;
}

function readConfigFile(schema: z.ZodObject, path: string | undefined): Readonly<Record<string, unknown>> {
  if (path === undefined) return {};
  const content: unknown = parsedYaml(path);
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new ConfigError(`${path}: expected "key: value" lines`);
  }
  const known = Object.keys(schema.shape).map((key) => (factsOf(schema, key).secret ? `${key}File` : key));
  for (const name of Object.keys(content)) refuseUnknown(path, name, known.map(kebab), schema);
  return content as Record<string, unknown>;
}

function parsedYaml(path: string): unknown {
  const text = readText(path);
  try {
    return parseYaml(text);
  } catch (error) {
    throw new ConfigError(`${path}: not YAML: ${firstLine(error)}`);
  }
}

function refuseUnknown(path: string, name: string, known: readonly string[], schema: z.ZodObject): void {
  if (known.includes(name)) return;
  const secret = Object.keys(schema.shape).find((key) => kebab(key) === name);
  if (secret)
    throw new ConfigError(`${path}: ${name} is a secret and is not written here: ${waysToSet(secret, true)}`);
  const nearest = [...known].sort((a, b) => editDistance(a, name) - editDistance(b, name))[0];
  throw new ConfigError(`${path}: unknown key ${name}${nearest ? `, did you mean ${nearest}?` : ''}`);
}

function givenPlain(
  key: string,
  sources: ConfigSources,
  file: Readonly<Record<string, unknown>>,
): Given | undefined {
  const flag = sources.flags?.[key];
  if (flag !== undefined) return { value: flag, from: `--${kebab(key)}` };
  const variable = sources.env?.[environmentName(key)];
  if (variable !== undefined) return { value: variable, from: environmentName(key) };
  const written = file[kebab(key)];
  return written === undefined ? undefined : { value: written, from: sources.file! };
}

function givenSecret(
  key: string,
  sources: ConfigSources,
  file: Readonly<Record<string, unknown>>,
): Given | undefined {
  const variable = environmentName(key);
  const path = givenPlain(`${key}File`, sources, file);
  const inEnvironment = sources.env?.[variable];
  const flagWins = path?.from.startsWith('--') ?? false;
  if (inEnvironment !== undefined && !flagWins) return { value: inEnvironment, from: variable };
  if (path === undefined) return undefined;
  return { value: readText(String(path.value)).replace(/\r?\n$/, ''), from: String(path.value) };
}

function checked(schema: z.ZodObject, key: string, facts: KeyFacts, given: Given): unknown {
  const value = typeof given.value === 'string' ? fromText(given.value, facts) : given.value;
  const field = schema.shape[key] as z.ZodType;
  const parsed = field.safeParse(value);
  if (parsed.success) return value;
  const shown = facts.secret ? 'its value' : JSON.stringify(given.value);
  // Of a list, it is an item that is wrong, and only its own rule can tell.
  const rule = Array.isArray(value) ? undefined : expectation(facts);
  const expected = rule ?? parsed.error.issues[0]!.message;
  throw new ConfigError(`${kebab(key)} (from ${given.from}): ${shown} is not valid, expected ${expected}`);
}

/** Flags and variables are text: read as the schema's type when they look like it, and left to be refused when not. */
function fromText(text: string, facts: KeyFacts): unknown {
  const isNumber = facts.type === 'integer' || facts.type === 'number';
  if (isNumber && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (facts.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  if (facts.type === 'array') return text === '' ? [] : text.split(',').map((part) => part.trim());
  return text;
}

function factsOf(schema: z.ZodObject, key: string): KeyFacts {
  return z.toJSONSchema(schema.shape[key] as z.ZodType, { io: 'input', unrepresentable: 'any' }) as KeyFacts;
}

/** Undefined when only the schema's own message can tell. */
function expectation(facts: KeyFacts): string | undefined {
  if (facts.enum) return `one of ${facts.enum.join(', ')}`;
  if (facts.type === 'boolean') return 'true or false';
  if (facts.type === 'array') return 'a list';
  if (facts.type !== 'integer' && facts.type !== 'number') return undefined;
  const noun = facts.type === 'integer' ? 'an integer' : 'a number';
  const { minimum, maximum } = facts;
  const isUnbounded = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined && !isUnbounded) return `${noun} from ${minimum} to ${maximum}`;
  return minimum === undefined ? noun : `${noun}, at least ${minimum}`;
}

function describe(facts: KeyFacts): string {
  const fallback = facts.default === undefined ? '' : ` (default ${JSON.stringify(facts.default)})`;
  const secret = facts.secret ? 'file that holds: ' : '';
  return `${secret}${facts.description ?? ''}${fallback}`;
}

function placeholderOf(facts: KeyFacts): string {
  if (facts.secret) return 'file';
  if (facts.enum) return facts.enum.join('|');
  if (facts.type === 'integer' || facts.type === 'number') return 'number';
  return facts.type === 'array' ? 'a,b,...' : 'text';
}

function waysToSet(key: string, isSecret = false): string {
  if (isSecret) return `use ${kebab(key)}-file or ${environmentName(key)}`;
  return `--${kebab(key)}, ${environmentName(key)} or the key in the --config file`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${firstLine(error)}`);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}

/** Levenshtein's: insertions, deletions and replacements that turn one into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
