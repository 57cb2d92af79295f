import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxOf, placeLabels, spread } from '../src/layout';

const frame = { width: 400, height: 300 };

test('discs in one place end up beside each other, the same way each time', () => {
  const discs = Array.from({ length: 5 }, () => ({ x: 100, y: 100, r: 5 }));
  const at = spread(discs, 2);
  for (let i = 0; i < at.length; i++) {
    for (let j = i + 1; j < at.length; j++) assert.ok(Math.hypot(at[i]!.x - at[j]!.x, at[i]!.y - at[j]!.y) > 11.5);
  }
  assert.deepEqual(spread(discs, 2), at);
});

test('a fixed disc stays and the other moves; discs far apart stay where they are', () => {
  const [site, camera, far] = spread([{ x: 50, y: 50, r: 10, fixed: true }, { x: 52, y: 50, r: 4 }, { x: 200, y: 50, r: 4 }], 1);
  assert.deepEqual([site, far], [{ x: 50, y: 50 }, { x: 200, y: 50 }]);
  assert.ok(Math.abs(camera!.x - 65) < 0.1 && Math.abs(camera!.y - 50) < 0.1);
});

const wish = (x: number, y: number, text: string, r = 5) => ({ x, y, r, text, bold: false });
const nothing = { discs: [], lines: [] };

test('a label goes to the right, or to the left at the right edge', () => {
  const [free, edge] = placeLabels([wish(100, 100, 'Vigo'), wish(390, 200, 'Palma')], nothing, 12, frame);
  assert.equal(free?.anchor, 'start');
  assert.equal(edge?.anchor, 'end');
  const [blocked] = placeLabels([wish(100, 100, 'Vigo')], { ...nothing, discs: [{ x: 120, y: 100, r: 8 }] }, 12, frame);
  assert.equal(blocked?.anchor, 'end');
});

test('a long name without room beside its marker stands in two lines; one without any at the end of a line', () => {
  const walls = [{ from: { x: 0, y: 80 }, to: { x: 400, y: 80 } }, { from: { x: 0, y: 118 }, to: { x: 400, y: 118 } }, { from: { x: 180, y: 0 }, to: { x: 180, y: 300 } }];
  const [two] = placeLabels([wish(100, 100, 'Palma de Mallorca')], { discs: [], lines: walls }, 12, { width: 185, height: 300 });
  assert.deepEqual(two?.lines, ['Palma de', 'Mallorca']);
  assert.equal(two?.leader, null);
  const ring = Array.from({ length: 6 }, (_, i) => ({ x: 100 + 16 * Math.cos(i), y: 100 + 16 * Math.sin(i), r: 6 }));
  const [far] = placeLabels([wish(100, 100, 'Vigo')], { discs: [{ x: 100, y: 100, r: 5 }, ...ring], lines: [] }, 12, frame);
  assert.ok(far?.leader && Math.hypot(far.leader.to.x - 100, far.leader.to.y - 100) > 16);
});

test('labels and their lines cover neither markers nor each other; who comes first has a place, one without room is left out', () => {
  const crowd = Array.from({ length: 60 }, (_, i) => wish(100 + (i % 10) * 20, 100 + Math.floor(i / 10) * 20, `Ciudad ${i}`, 3));
  const labels = placeLabels(crowd, { discs: crowd, lines: [] }, 12, frame);
  const boxes = labels.flatMap((label) => (label ? [boxOf(label, 12, false)] : []));
  assert.ok(boxes.length >= 20 && boxes.length < 60, `${boxes.length} labels`);
  assert.ok(labels[0] !== null);
  boxes.forEach((one, i) => {
    assert.ok(boxes.every((other, j) => i === j || one.left >= other.right || other.left >= one.right || one.top >= other.bottom || other.top >= one.bottom));
    assert.ok(crowd.every(({ x, y }) => x < one.left || x > one.right || y < one.top || y > one.bottom));
    assert.ok(one.left >= 0 && one.right <= frame.width && one.top >= 0 && one.bottom <= frame.height);
  });
});
