// Which member of control the page asks. They are tried in turn: one that has no answer is followed by the next at once, and
// after a round in which none had one the page waits, longer with each round.

import type { Consoles } from './api';

export interface Member {
  name: string; // empty: not told yet
  origin: string; // empty: where this page came from
}

export interface Asking {
  home: string; // who gave this page out; empty: not told yet
  members: Member[]; // of which one is asked
  at: number; // it
  failed: number; // questions in a row that had no answer
}

export const atHome: Asking = { home: '', members: [{ name: '', origin: '' }], at: 0, failed: 0 };

export function asked(asking: Asking): Member {
  return asking.members[asking.at]!;
}

export function answered(asking: Asking): Asking {
  return asking.failed === 0 ? asking : { ...asking, failed: 0 };
}

export function unanswered(asking: Asking): Asking {
  return { ...asking, at: (asking.at + 1) % asking.members.length, failed: asking.failed + 1 };
}

/** Before the next question: none within a round; a second after the first rounds, then more, at most five. */
export function waitMs(asking: Asking): number {
  const rounds = asking.failed / asking.members.length;
  if (asking.failed === 0 || !Number.isInteger(rounds)) return 0;
  return Math.min(5000, 1000 * 2 ** Math.max(0, rounds - 3));
}

/** All members, as the one that is asked tells them. The page's own origin stays what it is, under whatever name it was opened. */
export function told(asking: Asking, consoles: Consoles): Asking {
  const here = asked(asking);
  const home = here.origin === '' ? consoles.member : asking.home;
  const members = consoles.consoles.map(({ member, origin }) => ({ name: member, origin: member === home ? '' : origin }));
  if (!members.some((member) => member.origin === '')) members.unshift({ name: home, origin: '' });
  const at = members.findIndex((member) => member.origin === here.origin);
  if (at < 0) return asking; // it does not know itself: what others said stands
  return { ...asking, home, members, at };
}

/** Empty where there is but one. */
export function memberWords(asking: Asking): string {
  if (asking.members.length === 1) return '';
  const { name } = asked(asking);
  if (asking.failed === 0) return `${name} answers`;
  const before = asking.members[(asking.at + asking.members.length - 1) % asking.members.length]!;
  return asking.failed < asking.members.length ? `${before.name} has no answer: reconnecting to ${name}` : 'no member of control has an answer: reconnecting to each in turn';
}
