/**
 * Reads the histories with known verdicts that lie beside the checkout, `../shared/testdata/porcupine`.
 *
 * Two formats: Jepsen's log of one etcd register (tab or blank separated), and lines of EDN maps over several
 * string keys. Positions are line numbers: the files hold no times. Not every checkout has the data; tests
 * that need it are then skipped with that reason.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TimedAction } from '../../jepsen-style/checkers/linearizable.js';
import type { RegisterAction, TextAction } from '../../jepsen-style/checkers/models.js';

export function porcupineFolder(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const data = join(folder, '..', 'shared', 'testdata', 'porcupine');
    if (existsSync(join(data, 'verdicts.json'))) return data;
    if (folder === dirname(folder)) return undefined;
  }
}

export function verdictsOf(folder: string): [file: string, isLinearizable: boolean][] {
  return Object.entries(
    JSON.parse(readFileSync(join(folder, 'verdicts.json'), 'utf8')) as Record<string, boolean>,
  );
}

interface Open<Action> {
  readonly action: Action;
  readonly start: number;
}

export function readRegisterLog(path: string): TimedAction<RegisterAction>[] {
  const history: TimedAction<RegisterAction>[] = [];
  const open = new Map<string, Open<RegisterAction>>();
  readFileSync(path, 'utf8')
    .split('\n')
    .forEach((line, at) => {
      const found = /^INFO\s+jepsen\.util - (\d+)\s+:(\w+)\s+:(\w+)\s+(.*?)\s*$/.exec(line);
      if (!found) return;
      const [, process = '', type, f = '', value = ''] = found;
      if (type === 'invoke') {
        open.set(process, { action: registerCall(f, value), start: at });
        return;
      }
      const { action, start } = open.get(process)!;
      open.delete(process);
      // A read that failed has no answer; a compare-and-set that failed found another value.
      if (action.kind === 'read' && type !== 'ok') return;
      if (type === 'info') history.push({ action, start, end: Infinity });
      else history.push({ action: registerResult(action, type === 'ok', value), start, end: at });
    });
  for (const { action, start } of open.values()) history.push({ action, start, end: Infinity });
  return history;
}

function registerCall(f: string, value: string): RegisterAction {
  if (f === 'read') return { kind: 'read', found: undefined };
  if (f === 'write') return { kind: 'write', value };
  const [expected = '', wanted = ''] = value.replace(/[[\]]/g, '').split(/\s+/);
  return { kind: 'cas', expected, value: wanted, swapped: undefined };
}

function registerResult(action: RegisterAction, isOk: boolean, value: string): RegisterAction {
  if (action.kind === 'read') return { kind: 'read', found: value === 'nil' ? null : value };
  return action.kind === 'cas' ? { ...action, swapped: isOk } : action;
}

export function readTextLog(path: string): Map<string, TimedAction<TextAction>[]> {
  const histories = new Map<string, TimedAction<TextAction>[]>();
  const open = new Map<string, Open<TextAction>>();
  readFileSync(path, 'utf8')
    .split('\n')
    .forEach((line, at) => {
      const found = /^\{:process (\d+), :type :(\w+), :f :(\w+), :key "(.*?)", :value (.*)\}$/.exec(line);
      if (!found) return;
      const [, process = '', type, f = '', key = '', rawValue = ''] = found;
      const value = rawValue === 'nil' ? '' : (JSON.parse(rawValue) as string);
      if (type === 'invoke') {
        const action: TextAction =
          f === 'get' ? { kind: 'get', found: undefined } : { kind: f as 'put' | 'append', value };
        open.set(process, { action, start: at });
        return;
      }
      const { action, start } = open.get(process)!;
      open.delete(process);
      const list = histories.get(key) ?? [];
      histories.set(key, list);
      list.push({ action: action.kind === 'get' ? { kind: 'get', found: value } : action, start, end: at });
    });
  return histories;
}
