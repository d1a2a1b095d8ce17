/**
 * Where the package lies on disk, whatever folder the compiled files were put in: the `.proto` files are read from
 * there at run time. Found by walking up to the package.json that bears the project's name, so that a dependency's or
 * a surrounding workspace's package.json is never mistaken for it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/** The absolute path of the folder that holds `proto/` and the package.json named "talus". */
export function packageRoot(): string {
  found ??= walkUp(dirname(fileURLToPath(import.meta.url)));
  return found;
}

/** The version that package.json states. */
export function packageVersion(): string {
  return readManifest(join(packageRoot(), 'package.json')).version ?? '0.0.0';
}

function walkUp(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest) && readManifest(manifest).name === 'talus') return folder;
    if (dirname(folder) === folder) throw new Error(`no package.json named "talus" above ${start}`);
  }
}

function readManifest(path: string): { readonly name?: string; readonly version?: string } {
  return JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
}
