/**
 * The etcd store on a real etcd: the contract, and etcd going away and coming back.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { EtcdStore } from '../../src/pm/etcd-store.js';
import { parseEtcdUrl } from '../../src/pm/process.js';
import { StoreError } from '../../src/pm/store.js';
import { type EtcdProcess, startEtcd } from './etcd-process.js';
import { eventually, realEnv } from './real.js';
import { storeContract } from './store-contract.js';

let prefixes = 0;

function connect(context: TestContext, etcd: EtcdProcess, prefix: string): EtcdStore {
  const options = {
    hosts: [`http://${etcd.address}`],
    prefix,
    env: realEnv,
    callTimeoutMs: 1000,
    leaseSeconds: 2,
  };
  const store = new EtcdStore(options);
  context.after(() => store.close());
  return store;
}

test('etcd store', async (outer) => {
  const etcd = await startEtcd(outer);
  const subtests: Promise<void>[] = [];
  const run = (name: string, body: (context: TestContext) => Promise<void>): void => {
    subtests.push(outer.test(name, body));
  };
  storeContract(
    'etcd store',
    async (context) => {
      const prefix = `/contract-${++prefixes}/`;
      return [connect(context, etcd, prefix), connect(context, etcd, prefix)];
    },
    run,
  );

  run('two candidates: one leads, and the other takes over when it resigns', async (context) => {
    const elected: string[] = [];
    const stand = (name: string) =>
      connect(context, etcd, '/election/').campaign(name, {
        onElected: () => elected.push(name),
        onLost: () => {},
        onLeader: () => {},
      });
    const first = stand('one:1');
    await eventually('one elected', () => elected.length === 1);
    const second = stand('two:2');
    await first.resign();
    await eventually('two elected', () => elected.length === 2);
    await second.resign();
    assert.deepEqual(elected, ['one:1', 'two:2']);
  });

  run(
    'etcd killed: calls reject, leadership is lost; back again: the watch resumes and leadership returns',
    async (context) => {
      const store = connect(context, etcd, '/outage/');
      const events: string[] = [];
      const values = new Map<string, string>();
      store.watch('k', {
        onSnapshot: (view) => {
          for (const record of view.records) values.set(record.key, record.value);
        },
        onChanges: (changes) => {
          for (const change of changes)
            if (change.kind === 'put') values.set(change.record.key, change.record.value);
        },
      });
      const campaign = store.campaign('me:1', {
        onElected: () => events.push('elected'),
        onLost: () => events.push('lost'),
        onLeader: () => {},
      });
      await eventually('elected', () => events.length === 1);
      await store.txn([], [{ kind: 'put', key: 'k', value: 'before' }]);
      await eventually('watched', () => values.get('k') === 'before');
      await etcd.kill();
      await assert.rejects(store.txn([], [{ kind: 'put', key: 'k', value: 'lost?' }]), StoreError);
      await eventually('leadership lost', () => events.at(-1) === 'lost');
      await etcd.start();
      const other = connect(context, etcd, '/outage/');
      await other.txn([], [{ kind: 'put', key: 'k', value: 'after' }]);
      await eventually('watch resumed', () => values.get('k') === 'after');
      await eventually('elected again', () => events.at(-1) === 'elected');
      await campaign.resign();
    },
  );
  await Promise.all(subtests);
});

test('etcd URLs: hosts, prefix and its default', () => {
  assert.deepEqual(parseEtcdUrl('etcd://a:1,b:2/x/y/'), {
    hosts: ['http://a:1', 'http://b:2'],
    prefix: '/x/y/',
  });
  assert.deepEqual(parseEtcdUrl('etcds://a:1'), { hosts: ['https://a:1'], prefix: '/talus/' });
});
