/**
 * The small files of a node's folder, beside binlog and engine: who it is, what PM told it last, and the key that it registers
 * under. Each is replaced whole, synced, before anything is done that depends on it.
 */
import type { Random } from '../random.js';
import type { Topology } from '../rpc/topology.js';
import type { Files } from '../storage/files.js';
import type { Identity } from './node.js';

const IDENTITY_FILE = 'identity.json';
const TOPOLOGY_FILE = 'topology.json';
const REGISTRATION_FILE = 'registration.json';

export class OwnFiles {
  constructor(
    private readonly files: Files,
    private readonly random: Random,
  ) {}

  identity(): Promise<Identity | undefined> {
    return this.read(IDENTITY_FILE);
  }

  keepIdentity(identity: Identity): Promise<void> {
    return this.write(IDENTITY_FILE, identity);
  }

  topology(): Promise<Topology | undefined> {
    return this.read(TOPOLOGY_FILE);
  }

  keepTopology(topology: Topology): Promise<void> {
    return this.write(TOPOLOGY_FILE, topology);
  }

  /** Made once. */
  async registrationKey(): Promise<string> {
    const existing = await this.read<{ readonly key: string }>(REGISTRATION_FILE);
    if (existing !== undefined) return existing.key;
    const { random } = this;
    const key = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, '0')).join('');
    await this.write(REGISTRATION_FILE, { key });
    return key;
  }

  private async read<T>(path: string): Promise<T | undefined> {
    const bytes = await this.files.readWhole(path);
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as T);
  }

  private write(path: string, value: object): Promise<void> {
    return this.files.writeWhole(path, Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`));
  }
}
