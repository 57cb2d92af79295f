import assert from 'node:assert/strict';
import { test } from 'node:test';
import { camerasOf } from '../src/cameras';
import { together } from '../src/sums';
import { camera, flow } from './example';

const total = (p50: number, p99: number) => ({ total: { p50, p99 } });

test('a camera is one, however many gateways it enters by and sites serve it; another app or place is another', () => {
  const flows = [flow(), flow({ entered: 'mad1' }), flow({ entered: 'mad2', servedBy: 'mad2' }), flow({ app: 'other/app' }), flow({ place: 'Lugo' })];
  assert.deepEqual(camerasOf(flows).map((one) => [one.place, one.app, one.flows.length]), [
    ['Lugo', 'ayuntamiento/street-video', 1], ['Vigo', 'ayuntamiento/street-video', 3], ['Vigo', 'other/app', 1],
  ]);
});

test('it is served by the site that answers most of it, per second; the others follow', () => {
  // Ten in two seconds are more than twenty in ten.
  const flows = [flow({ answered: 20 }), flow({ entered: 'mad1', servedBy: 'mad1', answered: 10, seconds: 2 }), flow({ entered: 'mad2', servedBy: 'bio1', answered: 1 })];
  const [one] = camerasOf(flows);
  assert.equal(one?.servedBy, 'mad1');
  assert.deepEqual(one?.others, ['lcg1', 'bio1']);
  assert.deepEqual(one?.flows.map((each) => each.entered), ['mad1', 'lcg1', 'mad2']);
  assert.equal(camera({ servedBy: '', answered: 0, refused: 3 }).servedBy, '');
});

test('the median is that of the medians, weighted; p99 is the worst; nothing answered counts for neither', () => {
  const sums = together([
    flow({ answered: 10, ...total(40, 60) }), flow({ answered: 80, ...total(20, 30) }), flow({ answered: 10, seconds: 5, ...total(30, 90) }),
    flow({ answered: 0, refused: 2, refusal: 'overloaded', ...total(0, 0) }), flow({ answered: 0, refused: 7, refusal: 'objective', ...total(0, 0) }),
  ]);
  assert.deepEqual(sums.total, { p50: 20, p99: 90 });
  assert.equal(sums.answeredPerSecond, 11);
  assert.equal(sums.refused, 9);
  assert.deepEqual(sums.refusals, ['objective', 'overloaded']);
});

test('places are in Spanish order: Ávila before Bilbao, A Coruña among the A', () => {
  const places = camerasOf(['Zaragoza', 'Ávila', 'Bilbao', 'A Coruña'].map((place) => flow({ place }))).map((one) => one.place);
  assert.deepEqual(places, ['A Coruña', 'Ávila', 'Bilbao', 'Zaragoza']);
});

test('devices whose place nobody knows are called that', () => {
  assert.equal(camera({ place: 'unknown' }).place, 'Unknown place');
});
