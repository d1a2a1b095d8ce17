/**
 * Nodes on a network of their own, whose packets can be dropped without a word: no reset, no refusal, nothing to notice but silence.
 *
 * The whole network lives in namespaces: this process must have been started in a fresh one (`unshare --net`), which holds the
 * bridge and the clients, and each node gets one with one leg on the bridge. When the processes and the names are gone, so is
 * everything. Needs root, iproute2 and nftables.
 */
import { spawnSync } from 'node:child_process';

const BRIDGE = 'talus-bridge';
const NETWORK = '10.77.0';
const CLIENTS_HOST = 254;
const TABLE = 'talus_cut';

/** Why there can be no such network here; undefined where there can. */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  for (const program of ['ip', 'nft', 'unshare']) {
    if (spawnSync('sh', ['-c', 'command -v "$0"', program]).status !== 0)
      return `${program} is not installed`;
  }
  const trial =
    'ip link add trial0 type bridge && ip link add trial1 type veth peer name trial2 && nft add table inet trial';
  const { status, stderr } = spawnSync('unshare', ['--net', 'sh', '-c', trial], { encoding: 'utf8' });
  return status === 0 ? undefined : `the kernel refuses: ${stderr.trim().split('\n').at(-1)}`;
}

export class Namespaces {
  /** Of the clients and of whatever else runs in this process's namespace. */
  readonly host = `${NETWORK}.${CLIENTS_HOST}`;

  static create(nodes: number): Namespaces {
    const namespaces = new Namespaces(nodes);
    try {
      namespaces.build();
    } catch (error) {
      namespaces.remove();
      throw error;
    }
    return namespaces;
  }

  private constructor(private readonly nodes: number) {}

  hostOf(node: number): string {
    return `${NETWORK}.${node}`;
  }

  /** The words before a command that make it run in the node's namespace. */
  prefix(node: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.nameOf(node)];
  }

  /** Nothing passes between the node and the others any more; each end drops what comes in from the other. */
  cut(node: number): void {
    for (const other of this.others(node)) {
      this.drop(node, other);
      this.drop(other, node);
    }
  }

  heal(): void {
    for (let node = 1; node <= this.nodes; node++) {
      spawnSync('ip', ['netns', 'exec', this.nameOf(node), 'nft', 'delete', 'table', 'inet', TABLE]);
    }
  }

  remove(): void {
    for (let node = 1; node <= this.nodes; node++) spawnSync('ip', ['netns', 'delete', this.nameOf(node)]);
    spawnSync('ip', ['link', 'delete', BRIDGE]);
  }

  private build(): void {
    must('ip', 'link', 'set', 'lo', 'up');
    must('ip', 'link', 'add', BRIDGE, 'type', 'bridge');
    must('ip', 'address', 'add', `${this.host}/24`, 'dev', BRIDGE);
    must('ip', 'link', 'set', BRIDGE, 'up');
    for (let node = 1; node <= this.nodes; node++) this.addNode(node);
  }

  private addNode(node: number): void {
    const name = this.nameOf(node);
    const leg = `talus-leg-${node}`;
    must('ip', 'netns', 'add', name);
    must('ip', 'link', 'add', leg, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
    must('ip', 'link', 'set', leg, 'master', BRIDGE, 'up');
    this.inside(node, 'ip', 'address', 'add', `${this.hostOf(node)}/24`, 'dev', 'eth0');
    this.inside(node, 'ip', 'link', 'set', 'eth0', 'up');
    this.inside(node, 'ip', 'link', 'set', 'lo', 'up');
  }

  /** On the way in and not on the way out: the sender's kernel would tell its process. */
  private drop(at: number, from: number): void {
    const rules = [
      `table inet ${TABLE} {`,
      '  chain input { type filter hook input priority 0; policy accept; }',
      '}',
      `add rule inet ${TABLE} input ip saddr ${this.hostOf(from)} drop`,
    ];
    this.inside(at, 'nft', rules.join('\n'));
  }

  private others(node: number): number[] {
    return Array.from({ length: this.nodes }, (_, at) => at + 1).filter((other) => other !== node);
  }

  private inside(node: number, ...command: readonly string[]): void {
    must(...(this.prefix(node) as [string, ...string[]]), ...command);
  }

  /** Names are the machine's, not the namespace's. */
  private nameOf(node: number): string {
    return `talus-${process.pid}-${node}`;
  }
}

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
