/**
 * The register workload's history, key by key, before the linearizability search.
 */
import type { Operation } from '../history.js';
import { type CheckResult, fail, invalid, pass } from '../report.js';
import { explain, type LabelledAction } from './explain.js';
import { checkKeys, UNDECIDED_SHARE_MAX } from './keys.js';
import { type RegisterAction, registerModel } from './models.js';

/** `read`, `write` and `delete` operations; those that certainly did not happen oblige nobody and go. */
export function checkRegisters(operations: readonly Operation[]): CheckResult[] {
  const histories = new Map<string, LabelledAction<RegisterAction>[]>();
  for (const operation of operations) {
    if (operation.outcome === 'fail') continue;
    const list = histories.get(operation.key) ?? [];
    if (list.length === 0) histories.set(operation.key, list);
    list.push(labelled(operation));
  }
  const verdict = checkKeys(registerModel, histories);
  if (verdict.kind === 'illegal') {
    const detail = explain(registerModel, histories.get(verdict.key)!, verdict.verdict.prefix);
    return [fail('linearizable', `key ${verdict.key} is not`, `key ${verdict.key}\n${detail}`)];
  }
  const summary = `${verdict.keys} keys, ${verdict.undecided.length} undecided`;
  if (verdict.keys === 0) return [invalid('linearizable', 'no operations')];
  if (verdict.undecided.length > verdict.keys * UNDECIDED_SHARE_MAX) {
    return [invalid('linearizable', `${summary}: too many, e.g. ${verdict.undecided[0]}`)];
  }
  return [pass('linearizable', summary)];
}

function labelled(operation: Operation): LabelledAction<RegisterAction> {
  const { start, end, process, node } = operation;
  return { start, end, action: actionOf(operation), label: `process ${process} through node ${node}` };
}

function actionOf({ f, input, output, outcome }: Operation): RegisterAction {
  const isKnown = outcome === 'ok';
  switch (f) {
    case 'write':
      return { kind: 'write', value: String(input) };
    case 'delete':
      return { kind: 'delete', removed: isKnown ? output === 1 : undefined };
    case 'read':
      return { kind: 'read', found: isKnown ? foundOf(output) : undefined };
    default:
      throw new Error(`no register operation: ${f}`);
  }
}

function foundOf(output: string | number | null): string | null {
  return output === null ? null : String(output);
}
