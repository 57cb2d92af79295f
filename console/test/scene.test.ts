import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLive } from '../src/api';
import type { Site } from '../src/api';
import { camerasOf } from '../src/cameras';
import type { Camera } from '../src/cameras';
import { bow, ground, scene as sceneOf, stand, standingKey } from '../src/scene';
import { camera, flow, liveJson, site } from './example';

const on = ground(700);
const scene = (sites: Site[], cameras: Camera[]) => sceneOf(stand(on, sites, cameras), sites, cameras);

test('Spain fills the frame and its cities lie where they should', () => {
  const [vigo, girona, laPalma] = [on.project(42.24, -8.72)!, on.project(41.98, 2.82)!, on.project(28.68, -17.76)!];
  assert.ok(vigo.x < girona.x && vigo.x > 0 && girona.x < 700);
  assert.ok(laPalma.y > vigo.y && laPalma.x > 0 && laPalma.y < on.height, 'the Canary Islands stand in their corner');
  assert.ok(on.land.length > 10000 && on.borders.length > 5000);
});

test('every site is drawn, and each served camera has a line that ends at its site', () => {
  const live = parseLive(liveJson());
  const drawn = scene(live.sites, camerasOf(live.flows));
  assert.equal(drawn.sites.length, 3);
  const server = drawn.sites.find((mark) => mark.site.id === 'lcg1')!;
  assert.ok(drawn.cameras[0]!.line.endsWith(`${server.x.toFixed(1)} ${server.y.toFixed(1)}`));
});

test('a camera that nobody serves has no line', () => {
  const drawn = scene([site()], [camera({ servedBy: '', answered: 0, refused: 5 })]);
  assert.equal(drawn.cameras[0]!.line, '');
  assert.equal(drawn.cameras[0]!.state, 'refused');
});

test('a camera that several sites serve is one mark, with a line to the busiest and others to the rest', () => {
  const flows = [flow({ servedBy: 'bio1', answered: 10 }), flow({ entered: 'bio1' }), flow({ entered: 'mad1', servedBy: '', answered: 0, refused: 2 })];
  const { cameras, sites } = scene(parseLive(liveJson()).sites, camerasOf(flows));
  const at = (id: string) => sites.find((mark) => mark.site.id === id)!;
  assert.equal(cameras.length, 1);
  assert.ok(cameras[0]!.line.endsWith(`${at('lcg1').x.toFixed(1)} ${at('lcg1').y.toFixed(1)}`));
  assert.equal(cameras[0]!.others.length, 1);
  assert.ok(cameras[0]!.others[0]!.endsWith(`${at('bio1').x.toFixed(1)} ${at('bio1').y.toFixed(1)}`));
});

test('a city has its name once, at a site that works; a place without a site has its own', () => {
  const sites = [site({ id: 'a', city: 'Madrid', lat: 40.4, lon: -3.7, status: 'planned' }), site({ id: 'b', city: 'Madrid', lat: 40.4, lon: -3.7 })];
  const drawn = scene(sites, [camera({ place: 'Madrid', lat: 40.4, lon: -3.7 }), camera()]);
  assert.deepEqual(drawn.sites.map((mark) => mark.label?.lines), [undefined, ['Madrid']]);
  assert.deepEqual(drawn.cameras.map((mark) => mark.label?.lines), [undefined, ['Vigo']]);
});

test('what lies outside the map is counted, not drawn somewhere wrong', () => {
  const drawn = scene([site(), site({ id: 'paris', lat: 48.8566, lon: 2.3522 })], []);
  assert.deepEqual([drawn.sites.length, drawn.unseen], [1, 1]);
});

test('the order of the answer moves nothing', () => {
  const cameras = [camera(), camera({ place: 'Pontevedra', lat: 42.24, lon: -8.72 }), camera({ app: 'other/app' })];
  const sites = [site(), site({ id: 'mad1' }), site({ id: 'mad2' })];
  const [there, back] = [stand(on, sites, cameras), stand(on, [...sites].reverse(), [...cameras].reverse())];
  assert.deepEqual([...there].sort(), [...back].sort());
  assert.equal(standingKey(sites, cameras), standingKey([...sites].reverse(), [...cameras].reverse()));
});

test('what changes each second moves nothing; a site that opens, a camera that comes do', () => {
  const key = standingKey([site()], [camera()]);
  assert.equal(standingKey([site({ connected: false, powerUsedW: 1 })], [camera({ late: 4, servedBy: 'mad1' })]), key);
  assert.notEqual(standingKey([site({ status: 'planned' })], [camera()]), key);
  assert.notEqual(standingKey([site()], [camera(), camera({ place: 'Lugo' })]), key);
});

test('short lines are straight, long ones bow', () => {
  assert.equal(bow({ x: 0, y: 0 }, { x: 20, y: 0 }), 'M0.0 0.0Q10.0 0.0 20.0 0.0');
  assert.equal(bow({ x: 0, y: 0 }, { x: 100, y: 0 }), 'M0.0 0.0Q50.0 -10.0 100.0 0.0');
});
