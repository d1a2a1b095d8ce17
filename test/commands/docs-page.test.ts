/** docs/commands.md says what the table says. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { pagePath, renderPage } from './docs-page.js';

test('docs/commands.md equals the page made from the table (node dist/test/commands/docs-page.js --write)', () => {
  assert.equal(readFileSync(pagePath(), 'utf8'), renderPage());
});
