/**
 * An async table whose leaders are killed twenty times under load: what is lost is a suffix of what each had answered, who comes
 * back counts it, and all replicas end equal.
 */
import { test } from 'node:test';
import { faultRun } from './fault-run.js';

test('twenty kills of leaders of an async table', (context) =>
  faultRun(context, 160, '--nemesis', 'kill', '--strikes', '20', '--seed', '1', '--workload', 'async').then(
    () => {},
  ));

test('what an async table loses under kill -9 is a suffix, and is counted: the short form', (context) =>
  faultRun(context, 12, '--nemesis', 'kill', '--seed', '1', '--workload', 'async').then(() => {}));
