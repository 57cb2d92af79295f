import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLive } from '../src/api';
import { bow, ground, scene } from '../src/scene';
import { flow, liveJson, site } from './example';

const on = ground(700);

test('Spain fills the frame and its cities lie where they should', () => {
  const [vigo, girona, laPalma] = [on.project(42.24, -8.72)!, on.project(41.98, 2.82)!, on.project(28.68, -17.76)!];
  assert.ok(vigo.x < girona.x && vigo.x > 0 && girona.x < 700);
  assert.ok(laPalma.y > vigo.y && laPalma.x > 0 && laPalma.y < on.height, 'the Canary Islands stand in their corner');
  assert.ok(on.land.length > 10000 && on.borders.length > 5000);
});

test('every site is drawn, and each served camera has a line that ends at its site', () => {
  const live = parseLive(liveJson());
  const drawn = scene(on, live.sites, live.flows);
  assert.equal(drawn.sites.length, 3);
  const server = drawn.sites.find((mark) => mark.site.id === 'lcg1')!;
  assert.ok(drawn.cameras[0]!.line.endsWith(`${server.x.toFixed(1)} ${server.y.toFixed(1)}`));
});

test('a camera that nobody serves has no line', () => {
  const drawn = scene(on, [site()], [flow({ servedBy: '', answered: 0, refused: 5 })]);
  assert.equal(drawn.cameras[0]!.line, '');
  assert.equal(drawn.cameras[0]!.state, 'refused');
});

test('what lies outside the map is counted, not drawn somewhere wrong', () => {
  const drawn = scene(on, [site(), site({ id: 'paris', lat: 48.8566, lon: 2.3522 })], []);
  assert.deepEqual([drawn.sites.length, drawn.unseen], [1, 1]);
});

test('the order of the answer moves nothing', () => {
  const flows = [flow(), flow({ place: 'Pontevedra', lat: 42.24, lon: -8.72 }), flow({ app: 'other/app' })];
  const sites = [site(), site({ id: 'mad1' }), site({ id: 'mad2' })];
  const text = (drawn: ReturnType<typeof scene>) => JSON.stringify(drawn);
  assert.equal(text(scene(on, sites, flows)), text(scene(on, [...sites].reverse(), [...flows].reverse())));
});

test('short lines are straight, long ones bow', () => {
  assert.equal(bow({ x: 0, y: 0 }, { x: 20, y: 0 }), 'M0.0 0.0Q10.0 0.0 20.0 0.0');
  assert.equal(bow({ x: 0, y: 0 }, { x: 100, y: 0 }), 'M0.0 0.0Q50.0 -10.0 100.0 0.0');
});
