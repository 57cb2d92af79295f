import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseLive, parseStorage } from '../src/api';
import { byNeed, bySiteState, extent, flowState, formatAge, formatBytes, formatMs, formatPower, objectiveWords, powerShare, siteState, totals } from '../src/view';
import { flow, liveJson, site, storageJson } from './example';

test('a flow shows the worst thing that happened to it', () => {
  assert.equal(flowState(flow()), 'on-time');
  assert.equal(flowState(flow({ late: 1 })), 'late');
  assert.equal(flowState(flow({ late: 1, refused: 1 })), 'refused');
  assert.equal(flowState(flow({ answered: 0 })), 'idle');
});

test('only a site that should report can be lost', () => {
  assert.equal(siteState(site({ connected: false })), 'lost');
  assert.equal(siteState(site({ connected: false, status: 'draining' })), 'lost');
  assert.equal(siteState(site({ connected: false, status: 'planned' })), 'planned');
  assert.equal(siteState(site()), 'active');
});

test('the sums are those of the answer, per second where they say so', () => {
  const live = parseLive(liveJson());
  live.flows.push(flow({ place: 'Lugo', answered: 25, late: 2, refused: 3 }));
  live.sites[2]!.connected = false;
  assert.deepEqual(totals(live), { active: 1, lost: 1, sites: 3, answeredPerSecond: 7.5, late: 2, refused: 3 });
});

test('what needs eyes stands first in the list of sites', () => {
  const sites = [site({ id: 'a', status: 'planned' }), site({ id: 'b' }), site({ id: 'c', connected: false })];
  assert.deepEqual(bySiteState(sites).map((one) => one.id), ['c', 'b', 'a']);
});

test('figures have the digits that a reader can use', () => {
  assert.equal(formatMs(4.256), '4.26');
  assert.equal(formatMs(9.996), '10.0');
  assert.equal(formatMs(99.96), '100');
  assert.equal(formatPower(site({ powerUsedW: 75, powerBudgetW: 200000 })), '75 W / 200 kW');
  assert.equal(formatPower(site({ powerUsedW: 5280, powerBudgetW: 12000 })), '5.3 kW / 12.0 kW');
  assert.equal(objectiveWords({ objectiveMs: 250, objectivePercentile: 99.9 }), '250 ms p99.9');
  assert.equal(formatAge(4.9), '4 s');
  assert.equal(formatAge(185), '3 min 5 s');
  assert.equal(formatAge(7800), '2 h 10 min');
});

test('a little power is still seen, none is not', () => {
  assert.equal(extent(0.0004, 56), 2);
  assert.equal(extent(0.5, 56), 28);
  assert.equal(extent(0, 56), 0);
});

test('the share of power stays between nothing and all', () => {
  assert.equal(powerShare(site({ powerUsedW: 5000 })), 0.25);
  assert.equal(powerShare(site({ powerUsedW: 50000 })), 1);
  assert.equal(powerShare(site({ powerBudgetW: 0 })), 0);
});

test('a site whose buckets lack copies stands first, then who keeps most', () => {
  const [lacks, most] = parseStorage(storageJson());
  const less = { ...most!, site: 'agp1', bytes: 12 };
  assert.deepEqual(byNeed([less, most!, lacks!]).map((one) => one.site), ['bio1', 'vlc1', 'agp1']);
});

test('bytes have a unit that fits', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1023), '1023 B');
  assert.equal(formatBytes(1536), '1.5 KiB');
  assert.equal(formatBytes(1024 * 1024 - 1), '1.0 MiB');
  assert.equal(formatBytes(312 * 1024 ** 3), '312 GiB');
  assert.equal(formatBytes(4096 * 1024 ** 5), '4096 PiB');
});
