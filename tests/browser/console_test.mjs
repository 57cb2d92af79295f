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
const desktop = { width: 1440, height: 900 };
const phone = { width: 390, height: 844 };

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
  page = await browser.newPage({ viewport: desktop });
  page.setDefaultTimeout(patience);
  page.on('request', (request) => requests.push(request.url()));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  await page.locator('table.sites tr[data-site]').first().waitFor();
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

const digits = (ms) => ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0);
const rate = (perSecond) => perSecond.toFixed(perSecond < 99.95 ? 1 : 0);
const perSecond = (flow) => flow.answered / (flow.seconds || 10);
const sum = (flows, read) => flows.reduce((total, flow) => total + read(flow), 0);
const parts = ['network', 'queue', 'compute', 'total'];

/** The flows of each camera: devices of one app in one place. */
function camerasOf(live) {
  const cameras = new Map();
  for (const flow of live.flows) cameras.set(`${flow.app}|${flow.place}`, [...(cameras.get(`${flow.app}|${flow.place}`) ?? []), flow]);
  return cameras;
}

/** Who answers its flows, the busiest first. */
function serversOf(flows) {
  const rates = new Map();
  for (const flow of flows.filter((one) => one.served_by && one.answered > 0)) rates.set(flow.served_by, (rates.get(flow.served_by) ?? 0) + perSecond(flow));
  return [...rates].sort(([a, rateA], [b, rateB]) => rateB - rateA || (a < b ? -1 : 1)).map(([site]) => site);
}

const keys = (selector, name) => page.$$eval(selector, (marks, field) => marks.map((mark) => mark.dataset[field]).sort(), name);

/** What a table says in its rows (of `selector`, which have their name as data-`name`), read at one moment. */
function cellsOf(selector, name) {
  return page.$$eval(selector, (rows, field) => rows.map((row) => {
    const cells = Object.fromEntries([...row.querySelectorAll('[data-cell]')].map((cell) => [cell.dataset.cell, cell.textContent.trim()]));
    return { key: row.dataset[field], ...cells };
  }), name);
}

const rows = () => cellsOf('table.cameras tbody[data-camera]', 'camera');

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

test('all 17 sites are on the map and in the table, none of them behind an edge', async () => {
  await nextView();
  assert.equal(await page.locator('svg.map [data-site]').count(), 17);
  assert.equal(await page.locator('table.sites tr[data-site]').count(), 17);
  const hidden = await page.$eval('.sites-card', (card) => {
    const edge = card.getBoundingClientRect().bottom;
    const scrolls = [...card.querySelectorAll('*')].some((part) => part.scrollHeight > part.clientHeight + 1 && getComputedStyle(part).overflowY !== 'visible');
    return scrolls || [...card.querySelectorAll('tr')].some((row) => row.getBoundingClientRect().bottom > edge);
  });
  assert.equal(hidden, false);
});

test('each camera has one mark and one row, however many gateways it enters by, and each served one a line', async () => {
  await shows(async (live) => {
    const cameras = camerasOf(live);
    if (!given) assert.ok(live.flows.length > cameras.size + 3, 'the script has cameras of several gateways');
    assert.deepEqual(await keys('svg.map [data-camera]', 'camera'), [...cameras.keys()].sort());
    assert.deepEqual(await keys('table.cameras tbody[data-camera]', 'camera'), [...cameras.keys()].sort());
    const served = [...cameras].filter(([, flows]) => serversOf(flows).length > 0).map(([key]) => key);
    assert.deepEqual(await keys('svg.map [data-line]', 'line'), served.sort());
  });
});

test('the figures of the cameras are those of their flows, put together', async () => {
  await shows(async (live) => {
    const shown = new Map((await rows()).map((row) => [row.key, row]));
    for (const [key, flows] of camerasOf(live)) {
      const row = shown.get(key);
      const [first, ...others] = serversOf(flows);
      assert.equal(row.place, flows[0].place);
      assert.equal(row.answered, rate(sum(flows, perSecond)), key);
      assert.equal(Number(row.late), sum(flows, (flow) => flow.late));
      assert.equal(Number(row.refused), sum(flows, (flow) => flow.refused));
      assert.ok(row.served.includes(first ?? 'nobody'), `${row.served}: ${first}`);
      assert.equal(row.others, others.length > 0 ? `+${others.length} ${others.length === 1 ? 'other' : 'others'}` : flows.length > 1 ? `${flows.length} gateways` : undefined);
      for (const part of parts.filter(() => first)) {
        const worst = Math.max(...flows.filter((flow) => flow.answered > 0).map((flow) => flow[part].p99_ms));
        assert.equal(row[`${part}-p99`], digits(worst), `${key} ${part} p99`);
        if (flows.length === 1) assert.equal(row[`${part}-p50`], digits(flows[0][part].p50_ms), `${key} ${part} p50`);
      }
    }
    assert.equal(await page.locator('[data-tile=answered]').innerText(), `${rate(sum(live.flows, perSecond))} per s`);
  });
});

test('what each gateway says of a camera is there when asked for', { skip: given !== undefined }, async () => {
  const live = await nextView();
  const [key, flows] = [...camerasOf(live)].find(([, all]) => serversOf(all).length > 1);
  const body = page.locator(`tbody[data-camera="${key}"]`);
  assert.equal(await body.locator('[data-gateway]').count(), 0);
  await body.locator('button[data-cell=others]').click();
  const told = await cellsOf(`tbody[data-camera="${key}"] tr[data-gateway]`, 'gateway');
  assert.deepEqual(told.map((row) => row.key).sort(), flows.map((flow) => `${key}|${flow.entered}|${flow.served_by}`).sort());
  for (const flow of flows) {
    const row = told.find((one) => one.key === `${key}|${flow.entered}|${flow.served_by}`);
    assert.ok(row.served.endsWith(flow.served_by));
    assert.equal(row['total-p50'], digits(flow.total.p50_ms));
    assert.equal(row.answered, rate(perSecond(flow)));
  }
  await body.locator('button[data-cell=others]').click();
  assert.equal(await body.locator('[data-gateway]').count(), 0);
  await page.mouse.move(0, 0);  // what is under the pointer stands out
});

test('each app has a row with its tenant, its replicas, its sites and what it promises', async () => {
  await shows(async (live) => {
    const shown = new Map((await cellsOf('table.apps tbody[data-app]', 'app')).map((row) => [row.key, row]));
    assert.deepEqual([...shown.keys()].sort(), live.apps.map((app) => app.app).sort());
    for (const app of live.apps) {
      const row = shown.get(app.app);
      const flows = live.flows.filter((flow) => flow.app === app.app);
      if (app.replicas > 0) assert.equal(row.replicas, `${app.replicas_ready} of ${app.replicas}`);
      for (const site of app.sites) assert.ok(row.sites.includes(site), `${app.app}: ${row.sites}`);
      assert.equal(row.objective, `${app.objective_ms} ms p${app.objective_percentile}`);
      const worst = Math.max(0, ...flows.filter((flow) => flow.answered > 0).map((flow) => flow.total.p99_ms));
      assert.equal(row.p99, worst > 0 ? digits(worst) : '–');
      assert.equal(row.answered, rate(sum(flows, perSecond)));
      assert.equal(Number(row.refused), sum(flows, (flow) => flow.refused));
      if (app.refusal) assert.ok(row.refusal.includes(app.refusal.detail), row.refusal);
    }
  });
  if (given) return;
  assert.match(await page.locator('tbody[data-app="television/audit"] [data-cell=refusal]').innerText(), /^Placed nowhere: .* What would work: another 860 W at vll1\.$/);
});

/** Names on the map that are not there, cover each other or a marker, or are cut off: read from what the browser drew. */
function unreadable(names) {
  return page.evaluate((wanted) => {
    const frame = document.querySelector('.map-frame svg').getBoundingClientRect();
    const labels = [...document.querySelectorAll('.map-frame [data-label]')].map((mark) => ({ name: mark.dataset.label, box: mark.querySelector('text').getBoundingClientRect() }));
    const inner = ({ left, right, top, bottom }) => ({ left: left + 1, right: right - 1, top: top + 2, bottom: bottom - 2 });
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const wrong = wanted.filter((name) => !labels.some((label) => label.name === name)).map((name) => `${name} is missing`);
    labels.forEach(({ name, box }, i) => {
      if (box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom) wrong.push(`${name} is cut off`);
      for (const other of labels.slice(i + 1)) if (meet(inner(box), inner(other.box))) wrong.push(`${name} covers ${other.name}`);
      for (const dot of document.querySelectorAll('.map-frame .core, .map-frame .dot')) if (meet(inner(box), dot.getBoundingClientRect())) wrong.push(`${name} covers a marker`);
    });
    return wrong;
  }, names);
}

for (const size of [desktop, phone]) {
  test(`at ${size.width}x${size.height} every city with a site or a camera can be read on the map`, async () => {
    await page.setViewportSize(size);
    await shows(async (live) => {
      const cities = [...new Set([...live.sites.map((site) => site.city), ...live.flows.map((flow) => flow.place)].filter((place) => place !== 'unknown'))];
      assert.deepEqual(await unreadable(cities), []);
    });
    await page.setViewportSize(desktop);
  });
}

test('the chart says of which time it is', async () => {
  assert.equal(await page.locator('[data-cell=span]').innerText(), 'ms, since this page was opened');
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
  const cameras = new Set((await rows()).filter((row) => row['total-p99'] !== '–').map((row) => row.key));
  assert.ok(await page.locator('.legend li').count() >= cameras.size);
});

test('a camera is chosen with the keyboard and stands out on the map', async () => {
  const button = page.locator('table.cameras button[data-cell=place]').first();
  await button.focus();
  await page.keyboard.press('Enter');
  assert.equal(await button.getAttribute('aria-pressed'), 'true');
  assert.ok(await page.locator('svg.map [data-camera].shown').count() >= 1);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('svg.map [data-camera].dimmed').count(), 0);
});

test('on a phone nothing is wider than the screen or lies to the side, and sites and apps come before the cameras', async () => {
  await page.setViewportSize(phone);
  await page.locator('table.cameras.cards').waitFor();
  await nextView();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), phone.width);
  const scrolls = await page.$$eval('main *', (all) => all
    .filter((part) => part.scrollWidth > part.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(part).overflowX))
    .map((part) => part.outerHTML.slice(0, 80)));
  assert.deepEqual(scrolls, []);
  const out = await page.$$eval('table td, table th', (cells, width) => cells
    .filter((cell) => cell.getBoundingClientRect().right > width).map((cell) => cell.outerHTML.slice(0, 120)), phone.width);
  assert.deepEqual(out, []);
  const tops = await page.$$eval('.map-card, .sites-card, .apps-card, .cameras-card, .storage-card', (cards) => cards
    .map((card) => ({ name: card.classList[1], top: card.getBoundingClientRect().top })).sort((a, b) => a.top - b.top).map((card) => card.name));
  assert.deepEqual(tops, ['map-card', 'sites-card', 'apps-card', 'cameras-card', 'storage-card']);
  for (const cell of ['place', 'served', 'total-p50', 'total-p99', 'late', 'refused'])
    assert.ok(await page.locator(`tbody[data-camera] [data-cell=${cell}]`).first().isVisible(), cell);
  assert.equal(await page.locator('[data-cell=compute-p99]').first().isVisible(), false);
  await page.locator('table.cameras button[data-cell=place]').first().click();
  assert.equal(await page.locator('[data-cell=compute-p99]').first().isVisible(), true);
  await page.locator('table.cameras button[data-cell=place]').first().click();
  await page.mouse.move(0, 0);
  await page.setViewportSize(desktop);
  await page.locator('table.cameras:not(.cards)').waitFor();
  // The apps' and the cameras' tables have their whole width on a desk.
  assert.deepEqual(await page.$$eval('.scroll', (all) => all.filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.getAttribute('aria-labelledby'))), []);
});

test('a list that is long says how many more there are, and shows them when asked', { skip: given !== undefined }, async () => {
  await page.route('**/barrio/v1/live', async (route) => {
    const live = await (await route.fetch()).json();
    const more = Array.from({ length: 23 }, (_, i) => ({ ...live.sites[0], id: `more${i}`, city: `Pueblo ${i}` }));
    await route.fulfill({ json: { ...live, sites: [...live.sites, ...more] } });
  });
  const button = page.locator('.sites-card button.more');
  await button.waitFor();
  assert.equal(await button.innerText(), 'Show all 40: 16 more');
  assert.equal(await page.locator('table.sites tr[data-site]').count(), 24);
  await button.click();
  assert.equal(await page.locator('table.sites tr[data-site]').count(), 40);
  await page.unroute('**/barrio/v1/live');
  await button.waitFor({ state: 'detached' });
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
  assert.match(await page.locator('[data-cell=lost]').innerText(), /control does not hear from it.*barrio site serve --config and bio1's file/s);
  assert.match(await page.locator('tbody[data-camera="euskotren/platform-watch|Bilbao"] [data-cell=refusal]').innerText(), /^Refused, unavailable: its policy permits sites/);
  assert.match(await page.locator('tbody[data-app="euskotren/platform-watch"] [data-cell=refusal]').innerText(), /permits only bio1, which is lost\. What would work: bio1 back\./);
  assert.equal(await page.locator('[data-tile=active]').innerText(), '9 of 17, 1 lost');
  const moved = (await rows()).find((row) => row.place === 'San Sebastián');
  assert.equal(moved.served, 'by Madrid mad1');
});

test('while control is away the last view stays, with its age, and the page finds control again', { skip: given !== undefined }, async () => {
  mock.setAway(true);
  const banner = page.locator('.banner');
  await banner.waitFor();
  assert.match(await banner.innerText(), /Control is away: sites keep serving; showing the last view\s+\d+ s old/);
  assert.equal(await page.locator('table.sites tr[data-site]').count(), 17);
  mock.setAway(false);
  await banner.waitFor({ state: 'detached' });
  assert.equal(await page.locator('[data-tile=control]').innerText(), 'connected');
});
