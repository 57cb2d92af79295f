import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { refusalSentence, refusalWords } from '../src/refusals';

test('every reason that Barrio has for a refusal has a sentence of its own', () => {
  const header = readFileSync('../src/model/refusal.h', 'utf8');
  const body = /enum class RefusalReason \{([^}]*)\}/.exec(header)![1]!;
  const reasons = body.replaceAll(/\/\/.*/g, '').split(',').map((name) => name.trim()).filter((name) => name !== '');
  assert.ok(reasons.length >= 17, reasons.join(' '));
  for (const reason of reasons) assert.match(refusalSentence(reason), / .* .*\.$/, reason);
  assert.equal(new Set(reasons.map(refusalSentence)).size, reasons.length);
});

test('several reasons are told one after the other; one that is not known stays as it is', () => {
  assert.match(refusalWords(['spend_cap', 'objective']), /^spend cap: its tenant .* Also objective: no permitted site/);
  assert.equal(refusalWords(['bad moon']), 'bad moon.');
  assert.equal(refusalWords(['']), 'no reason was given.');
});
