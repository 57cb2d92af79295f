import assert from 'node:assert/strict';
import { test } from 'node:test';
import { placeLabels, spread } from '../src/layout';

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

test('a label goes to the right, or to the left at the right edge', () => {
  const [free, edge] = placeLabels([{ x: 100, y: 100, r: 5, text: 'Vigo' }, { x: 390, y: 200, r: 5, text: 'Palma' }], [], 12, frame);
  assert.equal(free?.anchor, 'start');
  assert.equal(edge?.anchor, 'end');
});

test('labels cover neither markers nor each other; one without room is left out', () => {
  const crowd = Array.from({ length: 40 }, (_, i) => ({ x: 100 + (i % 8) * 20, y: 100 + Math.floor(i / 8) * 20, r: 3, text: `Ciudad ${i}` }));
  const labels = placeLabels(crowd, [], 12, frame).flatMap((label) => (label ? [label] : []));
  assert.ok(labels.length >= 4 && labels.length < 40, `${labels.length} labels`);
  for (const one of labels) {
    const beside = labels.filter((other) => other !== one && other.anchor === one.anchor && Math.abs(other.y - one.y) < 10);
    assert.ok(beside.every((other) => Math.abs(other.x - one.x) > 50), one.text);
  }
  const [blocked] = placeLabels([{ x: 100, y: 100, r: 5, text: 'Vigo' }], [{ x: 120, y: 100, r: 8 }], 12, frame);
  assert.equal(blocked?.anchor, 'end');
});
