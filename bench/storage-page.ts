/**
 * Puts measured figures into docs/performance.md: `node dist/bench/storage-page.js`, after `npm run bench:storage` or the soak.
 *
 * The page is written by hand but for what stands between `<!-- figures: NAME -->` and `<!-- end -->`: there go the tables and goals of
 * `bench/out/NAME.json`. What was not measured since stays as it is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/rpc/package-root.js';
import { loadResults, type Results } from './results.js';

const PAGE = join(packageRoot(), 'docs', 'performance.md');
const FIGURES = /(<!-- figures: (\S+) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The soak leaves its picture itself. */
function pictureOf(name: string): readonly string[] {
  const file = join('img', `${name}.svg`);
  return existsSync(join(packageRoot(), 'docs', file)) ? [`![${name}](${file})`, ''] : [];
}

function sectionOf({ name, machine, takenAt, settings, columns, rows, goals }: Results): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [
    `${machine}; ${takenAt} UTC.`,
    '',
    ...settings.map((setting) => `- ${setting}`),
    '',
    row(columns),
    row(columns.map(() => '---')),
    ...rows.map(row),
    '',
    ...goals.map(({ verdict, text }) => `- ${verdict.toUpperCase()}: ${text}`),
    '',
    ...pictureOf(name),
  ].join('\n');
}

const before = readFileSync(PAGE, 'utf8');
const after = before.replace(FIGURES, (whole: string, begin: string, name: string, end: string) => {
  const results = loadResults(name);
  process.stdout.write(
    `${name}: ${results === undefined ? 'not measured, left as it is' : results.takenAt}\n`,
  );
  return results === undefined ? whole : `${begin}${sectionOf(results)}${end}`;
});
writeFileSync(PAGE, after);
