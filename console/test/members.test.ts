import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answered, asked, atHome, memberWords, told, unanswered, waitMs } from '../src/members';
import type { Asking } from '../src/members';

const consoles = (member: string) => ({
  member,
  consoles: [1, 2, 3].map((n) => ({ member: `control-${n}`, origin: `https://control-${n}.example` })),
});
const three = told(atHome, consoles('control-2'));
const times = (count: number, asking: Asking): Asking => (count === 0 ? asking : times(count - 1, unanswered(asking)));

test('before it is told, and where control is alone, the page asks where it came from, and does not talk of members', () => {
  assert.deepEqual(asked(atHome), { name: '', origin: '' });
  const alone = told(atHome, { member: 'control', consoles: [] });
  assert.deepEqual(asked(alone), { name: 'control', origin: '' });
  assert.equal(memberWords(alone), '');
  assert.deepEqual(asked(unanswered(alone)), asked(alone));
});

test('members are asked in turn, from the one that gave the page out, each at once after the one before', () => {
  assert.deepEqual(asked(three), { name: 'control-2', origin: '' });
  assert.equal(memberWords(three), 'control-2 answers');
  const next = unanswered(three);
  assert.deepEqual(asked(next), { name: 'control-3', origin: 'https://control-3.example' });
  assert.equal(memberWords(next), 'control-2 has no answer: reconnecting to control-3');
  assert.equal(waitMs(next), 0);
  assert.equal(asked(unanswered(next)).name, 'control-1');
  assert.equal(waitMs(unanswered(next)), 0);
  assert.deepEqual(asked(times(3, three)), asked(three));
});

test('after a round without an answer the page waits, longer with each, and says that it asks them all', () => {
  const waits = [3, 6, 9, 12, 15, 18, 30].map((questions) => waitMs(times(questions, three)));
  assert.deepEqual(waits, [1000, 1000, 1000, 2000, 4000, 5000, 5000]);
  assert.equal(memberWords(times(4, three)), 'no member of control has an answer: reconnecting to each in turn');
  assert.deepEqual([1, 2, 3, 4, 5, 6].map((questions) => waitMs(times(questions, atHome))), [1000, 1000, 1000, 2000, 4000, 5000]);
  assert.equal(waitMs(three), 0);
});

test('who answers is asked from then on, and the list that it tells counts', () => {
  const there = answered(unanswered(three));
  assert.equal(memberWords(there), 'control-3 answers');
  const moved = told(there, { member: 'control-3', consoles: [...consoles('').consoles.slice(1), { member: 'control-4', origin: 'https://new.example' }] });
  assert.deepEqual(moved.members.map((member) => member.name), ['control-2', 'control-3', 'control-4']);
  assert.equal(asked(moved).name, 'control-3');
  assert.equal(moved.members[0]?.origin, '');
});

test('where the page came from is not forgotten, also when no list has it any more', () => {
  const there = answered(unanswered(three));
  const without = told(there, { member: 'control-3', consoles: consoles('').consoles.filter(({ member }) => member !== 'control-2') });
  assert.deepEqual(without.members[0], { name: 'control-2', origin: '' });
  assert.equal(asked(without).name, 'control-3');
});

test('a list without the member that tells it is none', () => {
  const there = answered(unanswered(three));
  assert.equal(told(there, { member: 'control-3', consoles: [] }), there);
});
