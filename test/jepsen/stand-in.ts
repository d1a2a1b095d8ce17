/**
 * A program with the front door of `talus.js` and nothing behind it: `start`, `node --config`, `pm --config`.
 *
 * The "placement manager" holds all the data in memory and the nodes only pass bytes on, so that killing nodes
 * loses nothing but the operations under way. It lets the harness' own handling of processes be tested in
 * seconds, apart from the cluster that it is for.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FaultyStore } from './faulty-store.js';

interface Config {
  readonly folder: string;
  readonly port: number;
  readonly pmPort: number;
}

const TEXT = { type: 'string' } as const;

function start(args: string[]): void {
  const options = { nodes: TEXT, port: TEXT, 'pm-port': TEXT, 'data-dir': TEXT, metadata: TEXT };
  const { values } = parseArgs({ args, options });
  const pmPort = Number(values['pm-port']);
  const children: ChildProcess[] = [
    launch('pm', { folder: join(values['data-dir']!, 'pm-1'), port: pmPort, pmPort }),
  ];
  for (let node = 1; node <= Number(values.nodes); node++) {
    const folder = join(values['data-dir']!, `node-${node}`);
    children.push(launch('node', { folder, port: Number(values.port) + node - 1, pmPort }));
  }
  process.on('SIGTERM', () => {
    for (const child of children) child.kill('SIGTERM');
    process.exit(0);
  });
  setTimeout(() => console.log(`${values.nodes} nodes ready`), 400);
}

function launch(role: 'pm' | 'node', config: Config): ChildProcess {
  mkdirSync(config.folder, { recursive: true });
  const file = join(config.folder, `${role}.yaml`);
  writeFileSync(file, JSON.stringify(config));
  const program = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, [program, role, '--config', file], {
    stdio: 'inherit',
  });
  writeFileSync(join(config.folder, 'pid'), `${child.pid}\n`);
  return child;
}

function serve(role: string, args: string[]): void {
  const { values } = parseArgs({ args, options: { config: TEXT } });
  const { folder, port, pmPort } = JSON.parse(readFileSync(values.config!, 'utf8')) as Config;
  writeFileSync(join(folder, 'pid'), `${process.pid}\n`);
  if (role === 'pm') {
    void new FaultyStore('none').listen(port);
    return;
  }
  const server = createServer((client) => {
    const store = connect({ host: '127.0.0.1', port: pmPort, noDelay: true });
    client.pipe(store).pipe(client);
    client.on('error', () => store.destroy());
    store.on('error', () => client.destroy());
  });
  server.listen(port, '127.0.0.1');
}

const [role = '', ...args] = process.argv.slice(2);
if (role === 'start') start(args);
else serve(role, args);
