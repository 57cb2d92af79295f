// The console in a real browser: Debian's Chromium, driven over a scripted network (console/mock-server.mjs), or with
// CONSOLE_URL over a running Barrio, where only what holds for any network is asked.
//   node --test tests/browser/console_test.mjs

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startMock } from '../../console/mock-server.mjs';

const { chromium } = createRequire(new URL('../../console/package.json', import.meta.url))('playwright-core');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const patience = 20000;

const given = process.env.CONSOLE_URL;
let mock;
let browser;
let page;
let origin;
const requests = [];
const complaints = [];

before(async () => {
  if (!given) {
    assert.ok(existsSync(new URL('../../console/dist/index.html', import.meta.url)), 'run scripts/build-console.sh first');
    mock = await startMock();
    mock.hold(5);
  }
  const url = given ?? mock.url;
  origin = new URL(url).origin;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
  page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  page.setDefaultTimeout(patience);
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  await page.locator('table.sites tbody tr').first().waitFor();
});

after(async () => {
  await browser?.close();
  await mock?.stop();
});

/** Waits for the page's next answer from control, gives it and lets the page draw it. */
async function nextView() {
  const answer = await page.waitForResponse((response) => new URL(response.url()).pathname === '/barrio/v1/live');
  const live = await answer.json();
  await page.locator('footer', { hasText: live.time }).waitFor();
  return live;
}

const flowKey = (flow) => [flow.app, flow.place, flow.access, flow.entered, flow.served_by].join('|');
const digits = (ms) => ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0);

/** What the page says about each flow, read at one moment. */
function rows() {
  return page.$$eval('table.flows tbody[data-flow]', (bodies) => bodies.map((body) => {
    const cells = Object.fromEntries([...body.querySelectorAll('[data-cell]')].map((cell) => [cell.dataset.cell, cell.textContent.trim()]));
    return { key: body.dataset.flow, ...cells };
  }));
}

/** Asks until the page shows what the newest answer says: a real network changes each second. */
async function shows(check) {
  for (let tries = 1; ; tries++) {
    const live = await nextView();
    try {
      return await check(live);
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

test('all 17 sites are on the map and in the table', async () => {
  await nextView();
  assert.equal(await page.locator('svg.map [data-site]').count(), 17);
  assert.equal(await page.locator('table.sites tbody tr').count(), 17);
});

test('each flow has its camera, and each served one a line to its site', async () => {
  await shows(async (live) => {
    const keys = (selector, name) => page.$$eval(selector, (marks, field) => marks.map((mark) => mark.dataset[field]).sort(), name);
    assert.deepEqual(await keys('svg.map [data-camera]', 'camera'), live.flows.map(flowKey).sort());
    assert.deepEqual(await keys('svg.map [data-flow]', 'flow'), live.flows.filter((flow) => flow.served_by).map(flowKey).sort());
  });
});

test('the figures of the table are those of the answer', async () => {
  await shows(async (live) => {
    const shown = new Map((await rows()).map((row) => [row.key, row]));
    assert.equal(shown.size, live.flows.length);
    for (const flow of live.flows) {
      const row = shown.get(flowKey(flow));
      assert.equal(row.place, flow.place);
      assert.equal(Number(row.answered), flow.answered);
      assert.equal(Number(row.late), flow.late);
      assert.equal(Number(row.refused), flow.refused);
      if (flow.answered === 0) continue;
      for (const part of ['network', 'queue', 'compute', 'total']) {
        assert.equal(row[`${part}-p50`], digits(flow[part].p50_ms), `${flow.place} ${part} p50`);
        assert.equal(row[`${part}-p99`], digits(flow[part].p99_ms), `${flow.place} ${part} p99`);
      }
    }
    const answered = live.flows.reduce((sum, flow) => sum + flow.answered, 0) / 10;
    assert.equal(await page.locator('[data-tile=answered]').innerText(), `${answered.toFixed(answered < 99.95 ? 1 : 0)} per s`);
  });
});

test('each site that is the home of buckets has a row with what these hold, and no bucket is named', async () => {
  const answer = await page.waitForResponse((response) => new URL(response.url()).pathname === '/barrio/v1/storage');
  const { sites } = await answer.json();
  await page.waitForFunction((count) => document.querySelectorAll('table.storage tr[data-home]').length === count, sites.length);
  for (const sums of sites) {
    const row = page.locator(`table.storage tr[data-home="${sums.site}"]`);
    assert.ok((await row.locator('th').innerText()).endsWith(sums.site));
    assert.equal(await row.locator('[data-cell=buckets]').innerText(), String(sums.buckets));
    assert.equal(await row.locator('[data-cell=complete]').innerText(), `${sums.buckets - sums.incomplete} of ${sums.buckets}`);
    assert.equal(await row.locator('[data-cell=objects]').innerText(), `${sums.untold > 0 ? 'at least ' : ''}${sums.objects}`);
  }
  if (given) return;
  assert.equal(await page.locator('table.storage tr[data-home]').first().getAttribute('data-home'), 'vlc1');
  assert.match(await page.locator('tr[data-home=lcg1] [data-cell=bytes]').innerText(), /^at least 0 B/);
});

test('the chart is drawn, with a line for each camera', async () => {
  await nextView();
  assert.equal(await page.locator('.plot canvas').count(), 1);
  const cameras = new Set((await rows()).filter((row) => Number(row.answered) > 0).map((row) => row.key.split('|').slice(0, 3).join('|')));
  assert.ok(await page.locator('.legend li').count() >= cameras.size);
});

test('a camera is chosen with the keyboard and stands out on the map', async () => {
  const button = page.locator('table.flows button[data-cell=place]').first();
  await button.focus();
  await page.keyboard.press('Enter');
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  assert.ok(await page.locator('svg.map [data-camera].shown').count() >= 1);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('svg.map [data-camera].dimmed').count(), 0);
});

test('on a phone nothing is wider than the screen', async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await nextView();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
  await page.setViewportSize({ width: 1400, height: 900 });
});

test('nobody was asked but the origin, and the browser had nothing to complain about', () => {
  assert.deepEqual(requests.filter((url) => new URL(url).origin !== origin), []);
  assert.deepEqual(complaints, []);
});

test('a lost site, its refused camera and the reason are shown', { skip: given !== undefined }, async () => {
  mock.hold(25);
  await page.locator('table.sites tr[data-site=bio1] .state.lost').waitFor();
  assert.equal(await page.locator('svg.map [data-site].lost').count(), 1);
  assert.equal(await page.locator('svg.map [data-camera].refused').count(), 1);
  assert.match(await page.locator('[data-cell=refusal]').innerText(), /ES-PV only/);
  assert.equal(await page.locator('[data-tile=active]').innerText(), '9 of 17, 1 lost');
  const moved = (await rows()).find((row) => row.place === 'San Sebastián');
  assert.equal(moved.served, 'Madrid mad1');
});

test('while control is away the last view stays, with its age, and the page finds control again', { skip: given !== undefined }, async () => {
  mock.setAway(true);
  const banner = page.locator('.banner');
  await banner.waitFor();
  assert.match(await banner.innerText(), /Control is away: sites keep serving; showing the last view\s+\d+ s old/);
  assert.equal(await page.locator('table.sites tbody tr').count(), 17);
  mock.setAway(false);
  await banner.waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-tile=control]').innerText(), 'connected');
});
