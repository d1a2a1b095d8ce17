/** The schedule is the seed's, and the command line means what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planStrikes } from '../../jepsen-style/nemesis.js';
import { OptionError, parseOptions } from '../../jepsen-style/options.js';
import { countLeaders } from '../../jepsen-style/topology.js';

test('one seed, one schedule: six kills of a leader, then all at once, with quiet between', () => {
  const strikes = planStrikes('kill', 42, 60_000);
  assert.deepEqual(strikes, planStrikes('kill', 42, 60_000));
  assert.notDeepEqual(strikes, planStrikes('kill', 43, 60_000));
  assert.deepEqual(
    strikes.map((strike) => strike.kind),
    [...Array.from({ length: 6 }, () => 'kill-leader'), 'kill-all'],
  );
  for (const timeMs of [10_000, 60_000, 600_000]) {
    const planned = planStrikes('kill', 42, timeMs);
    planned.forEach(({ atMs, downMs }, index) => {
      const nextMs = planned[index + 1]?.atMs ?? timeMs;
      assert.ok(downMs > 0 && nextMs - atMs >= 1.5 * downMs, JSON.stringify(planned));
    });
  }
  assert.deepEqual(planStrikes('none', 42, 60_000), []);
});

test('a node sleeps long enough to be succeeded, as often as that fits', () => {
  for (const nemesis of ['pause', 'block'] as const) {
    const counts = [20_000, 60_000, 600_000].map((timeMs) => {
      const strikes = planStrikes(nemesis, 5, timeMs);
      for (const { kind, downMs } of strikes) {
        assert.equal(kind, `${nemesis}-leader`);
        assert.ok(downMs >= 5000 && downMs <= 7000, `${downMs} ms`);
      }
      return strikes.length;
    });
    assert.deepEqual(counts, [1, 3, 6]);
  }
  assert.deepEqual(
    planStrikes('reset', 5, 60_000).map(({ kind }) => kind),
    Array.from({ length: 6 }, () => 'reset-leader'),
  );
});

test('as many leaders as asked for are severed and killed', () => {
  const strikes = planStrikes('sever', 5, 160_000, 20);
  assert.deepEqual(
    strikes.map(({ kind }) => kind),
    Array.from({ length: 20 }, () => 'sever-leader'),
  );
  for (const { downMs } of strikes) assert.ok(downMs >= 300 && downMs <= 2500, `${downMs} ms`);
});

test('a power cut every six seconds: of one, of a majority, of all', () => {
  const strikes = planStrikes('power', 5, 120_000);
  assert.equal(strikes.length, 20);
  assert.deepEqual(
    strikes.slice(0, 4).map(({ kind }) => kind),
    ['cut-leader', 'cut-majority', 'cut-all', 'cut-leader'],
  );
  assert.deepEqual(strikes, planStrikes('power', 5, 120_000));
});

test('leaders are counted in hash slots, by the first node of each range', () => {
  const node = (port: number) => ({
    kind: 'array' as const,
    items: [
      { kind: 'bulk' as const, text: '127.0.0.1' },
      { kind: 'integer' as const, value: port },
    ],
  });
  const range = (first: number, last: number, ...ports: number[]) => ({
    kind: 'array' as const,
    items: [
      { kind: 'integer' as const, value: first },
      { kind: 'integer' as const, value: last },
      ...ports.map(node),
    ],
  });
  const counts = countLeaders([range(0, 99, 7001, 7002), range(100, 149, 7002, 7001), range(150, 159, 7001)]);
  assert.deepEqual(
    [...counts],
    [
      [7001, 110],
      [7002, 50],
    ],
  );
});

test('options have defaults, and contradictions are refused', () => {
  const options = parseOptions([], 7);
  assert.deepEqual([options.timeMs, options.nemesis, options.seed, options.clients], [60_000, 'kill', 7, 20]);
  assert.equal(parseOptions(['--against', 'localhost:6379'], 7).nemesis, 'none');
  assert.equal(parseOptions(['--stale-read-plant'], 7).plantStaleRead, true);
  assert.deepEqual(parseOptions(['--set', 'reads=index', '--set', 'lease-ms=200'], 7).nodeSettings, [
    'reads: index',
    'lease-ms: 200',
  ]);
  assert.deepEqual(parseOptions([], 7).workloads, ['register', 'set-counter']);
  assert.deepEqual(parseOptions(['--nemesis', 'block'], 7).workloads, [
    'register',
    'set-counter',
    'wake-read',
  ]);
  for (const args of [
    ['--workload', 'bank'],
    ['--nemesis', 'rain'],
    ['--set', 'reads'],
    ['--against', 'localhost:6379', '--set', 'reads=index'],
    ['--time', '1.5'],
    ['--etcd-stop-half'],
    ['--against', 'localhost:6379', '--nemesis', 'kill'],
    ['--plant', 'fresh-read'],
    ['--plant', 'stale-read', '--workload', 'set-counter'],
    ['--unheard-of'],
  ]) {
    assert.throws(() => parseOptions(args, 7), OptionError, args.join(' '));
  }
});
