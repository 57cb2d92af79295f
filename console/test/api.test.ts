import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { askLive, parseConsoles, parseLive, parseStorage } from '../src/api';
import { liveJson, storageJson } from './example';

test('a live view is read with its units in place', () => {
  const live = parseLive(liveJson());
  assert.equal(live.snapshotVersion, 7);
  assert.equal(live.sites[0]?.powerBudgetW, 20000);
  assert.deepEqual(live.flows[0]?.total, { p50: 48, p99: 61 });
  assert.equal(live.flows[0]?.lat, 42.2406);
  assert.deepEqual(live.apps.map((app) => app.refusal), [null, { detail: 'bio1 is full', nearest: 'another 40 W at bio1' }]);
  assert.equal(live.apps[0]?.objectiveMs, 250);
});

test('counts of a gateway that does not say how long they took are of ten seconds', () => {
  const json = liveJson();
  json.flows[0]!.seconds = 0;
  assert.equal(parseLive(json).flows[0]?.seconds, 10);
});

test('a wrong field is named with its path', () => {
  const json = liveJson();
  (json.sites[0] as Record<string, unknown>).lat = '43';
  assert.throws(() => parseLive(json), { message: 'sites[0].lat is not a number' });
  const other = liveJson();
  delete (other.flows[0] as Partial<(typeof other.flows)[0]>).total;
  assert.throws(() => parseLive(other), { message: 'flows[0].total is not an object' });
  assert.throws(() => parseLive(null), { message: 'the answer is not an object' });
});

test('a status that this page does not know is refused, not shown as something else', () => {
  const json = liveJson();
  json.sites[0]!.status = 'sleeping';
  assert.throws(() => parseLive(json), /sites\[0\]\.status is not one of planned/);
});

test('what sites store is read, and a wrong sum is named', () => {
  const storage = parseStorage(storageJson());
  assert.deepEqual(storage[0], { site: 'bio1', buckets: 3, incomplete: 1, untold: 1, objects: 18_243, bytes: 41_231_094_000 });
  const json = storageJson();
  json.sites[1]!.objects = 'many' as unknown as number;
  assert.throws(() => parseStorage(json), { message: 'sites[1].objects is not a number' });
});

test('the answers of control are told apart: a view, away, refused with its reason', async () => {
  let status = 200;
  let body = JSON.stringify(liveJson());
  let headers = {};
  const server = createServer((_request, response) => response.writeHead(status, headers).end(body));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const fetchOfNode = globalThis.fetch;
  globalThis.fetch = (path, options) => fetchOfNode(`http://127.0.0.1:${port}${String(path)}`, options);
  try {
    assert.equal((await askLive('', 5000)).kind, 'given');
    headers = { 'barrio-not-leading': '1' };
    assert.deepEqual(await askLive('', 5000), { kind: 'away' });
    headers = {};
    body = '{"time":';
    assert.deepEqual(await askLive('', 5000), { kind: 'refused', reason: 'its answer is not JSON' });
    status = 401;
    assert.match(JSON.stringify(await askLive('', 5000)), /open_console/);
    status = 503;
    assert.deepEqual(await askLive('', 5000), { kind: 'away' });
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    assert.deepEqual(await askLive('', 5000), { kind: 'away' });
  } finally {
    globalThis.fetch = fetchOfNode;
    server.close();
  }
});

test('where the members of control are is read, and a wrong field is named', () => {
  const json = { member: 'control-1', consoles: [{ member: 'control-1', origin: 'http://10.0.0.1:8080' }] };
  assert.deepEqual(parseConsoles(json), json);
  assert.throws(() => parseConsoles({ ...json, consoles: [{ member: 'control-1' }] }), { message: 'consoles[0].origin is not a string' });
});
