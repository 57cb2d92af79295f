import assert from 'node:assert/strict';
import { test } from 'node:test';
import { camerasOf } from '../src/cameras';
import { emptyHistory, extend, historySeconds, maxSeries, spanWords } from '../src/history';
import { camera, flow } from './example';

const total = (p99: number) => ({ p50: 1, p99 });

test('a camera keeps its line and its colour when another site takes it over', () => {
  let history = extend(emptyHistory, 1, [camera({ total: total(60) })]);
  history = extend(history, 2, [camera({ servedBy: 'mad1', entered: 'mad1', total: total(70) })]);
  assert.equal(history.series.length, 1);
  assert.deepEqual(history.series[0]?.values, [60, 70]);
});

test('while two sites serve one camera, the worse figure counts', () => {
  const history = extend(emptyHistory, 1, camerasOf([flow({ total: total(60) }), flow({ servedBy: 'mad1', total: total(90) })]));
  assert.deepEqual(history.series[0]?.values, [90]);
});

test('nothing answered is a gap, not a zero', () => {
  let history = extend(emptyHistory, 1, [camera({ total: total(60) })]);
  history = extend(history, 2, [camera({ answered: 0, refused: 9, total: total(0) })]);
  assert.deepEqual(history.series[0]?.values, [60, null]);
});

test('a camera that appears later has gaps before it, and columns stay equally long', () => {
  let history = extend(emptyHistory, 1, [camera()]);
  history = extend(history, 2, [camera(), camera({ place: 'Lugo', total: total(33) })]);
  assert.deepEqual(history.series[1]?.values, [null, 33]);
  assert.ok(history.series.every((series) => series.values.length === history.times.length));
});

test('five minutes are kept, and a camera that was silent all that time frees its colour', () => {
  let history = extend(emptyHistory, 0, [camera({ place: 'Ceuta' }), camera()]);
  for (let second = 1; second <= historySeconds; second++) history = extend(history, second, [camera()]);
  assert.equal(history.times.length, historySeconds);
  assert.deepEqual(history.series.map((series) => [series.place, series.slot]), [['Vigo', 1]]);
  history = extend(history, historySeconds + 1, [camera(), camera({ place: 'Lugo' })]);
  assert.deepEqual(history.series.map((series) => [series.place, series.slot]), [['Vigo', 1], ['Lugo', 0]]);
});

test('the number of lines is bounded', () => {
  const many = Array.from({ length: maxSeries + 5 }, (_, i) => camera({ place: `place ${i}` }));
  assert.equal(extend(emptyHistory, 1, many).series.length, maxSeries);
});

test('what a page has seen is told as that, until it is five minutes', () => {
  let history = extend(emptyHistory, 1000, [camera()]);
  assert.equal(spanWords(history), 'since this page was opened');
  for (let second = 1; second < historySeconds; second++) history = extend(history, 1000 + second, [camera()]);
  assert.equal(spanWords(history), 'last 5 minutes');
  assert.equal(spanWords(emptyHistory), 'since this page was opened');
});
