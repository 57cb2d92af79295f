import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyHistory, extend, historySeconds, maxSeries } from '../src/history';
import { flow } from './example';

const total = (p99: number) => ({ p50: 1, p99 });

test('a camera keeps its line and its colour when another site takes it over', () => {
  let history = extend(emptyHistory, 1, [flow({ total: total(60) })]);
  history = extend(history, 2, [flow({ servedBy: 'mad1', entered: 'mad1', total: total(70) })]);
  assert.equal(history.series.length, 1);
  assert.deepEqual(history.series[0]?.values, [60, 70]);
});

test('while two sites serve one camera, the worse figure counts', () => {
  const history = extend(emptyHistory, 1, [flow({ total: total(60) }), flow({ servedBy: 'mad1', total: total(90) })]);
  assert.deepEqual(history.series[0]?.values, [90]);
});

test('nothing answered is a gap, not a zero', () => {
  let history = extend(emptyHistory, 1, [flow({ total: total(60) })]);
  history = extend(history, 2, [flow({ answered: 0, refused: 9, total: total(0) })]);
  assert.deepEqual(history.series[0]?.values, [60, null]);
});

test('a camera that appears later has gaps before it, and columns stay equally long', () => {
  let history = extend(emptyHistory, 1, [flow()]);
  history = extend(history, 2, [flow(), flow({ place: 'Lugo', total: total(33) })]);
  assert.deepEqual(history.series[1]?.values, [null, 33]);
  assert.ok(history.series.every((series) => series.values.length === history.times.length));
});

test('five minutes are kept, and a camera that was silent all that time frees its colour', () => {
  let history = extend(emptyHistory, 0, [flow({ place: 'Ceuta' }), flow()]);
  for (let second = 1; second <= historySeconds; second++) history = extend(history, second, [flow()]);
  assert.equal(history.times.length, historySeconds);
  assert.deepEqual(history.series.map((series) => [series.place, series.slot]), [['Vigo', 1]]);
  history = extend(history, historySeconds + 1, [flow(), flow({ place: 'Lugo' })]);
  assert.deepEqual(history.series.map((series) => [series.place, series.slot]), [['Vigo', 1], ['Lugo', 0]]);
});

test('the number of lines is bounded', () => {
  const many = Array.from({ length: maxSeries + 5 }, (_, i) => flow({ place: `place ${i}` }));
  assert.equal(extend(emptyHistory, 1, many).series.length, maxSeries);
});
