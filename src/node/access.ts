/**
 * Who may use which table: passwords checked against the topology's scrypt hashes.
 *
 * scrypt is slow on purpose, so a password that was right is remembered (as a keyed digest, never as itself) and
 * attempts that must be computed are few at a time: beyond that a client waits its turn, and guessing stays slow.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { verifyPassword } from '../password.js';
import type { TableInfo } from '../rpc/topology.js';

const CHECKS_AT_ONCE_MAX = 2;
const CHECKS_WAITING_MAX = 1000;
const REMEMBERED_MAX = 1000;

export class Access {
  private readonly secret = randomBytes(32);
  private readonly right = new Set<string>();
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** undefined: too many checks wait already; try later. */
  async verify(table: TableInfo, password: Buffer): Promise<boolean | undefined> {
    const { passwordHash } = table;
    if (passwordHash === undefined) return false;
    const digest = createHmac('sha256', this.secret)
      .update(passwordHash)
      .update('\0')
      .update(password)
      .digest('hex');
    if (this.right.has(digest)) return true;
    if (this.running < CHECKS_AT_ONCE_MAX) this.running++;
    else if (this.waiting.length >= CHECKS_WAITING_MAX) return undefined;
    // Whoever ends hands its turn over, so that nobody slips in between.
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      // Many clients come with the same password at once: one computation answers all that waited.
      if (this.right.has(digest)) return true;
      const ok = await verifyPassword(password.toString('utf8'), passwordHash);
      if (ok) this.remember(digest);
      return ok;
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }

  private remember(digest: string): void {
    if (this.right.size >= REMEMBERED_MAX) this.right.clear();
    this.right.add(digest);
  }
}
