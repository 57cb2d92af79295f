// An open page of the console while members of control die: three real ones on a real etcd, in clear and with TLS.
//   BARRIO=build/release/bin/barrio node --test tests/browser/members_test.mjs

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const { chromium } = createRequire(new URL('../../console/package.json', import.meta.url))('playwright-core');
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const root = fileURLToPath(new URL('../../', import.meta.url));
const barrio = process.env.BARRIO;
const etcd = '/usr/bin/etcd';
const skip = !barrio || !existsSync(etcd) ? 'BARRIO or etcd is not there' : false;
const patience = 30_000;

let browser;
before(async () => {
  if (!skip) browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags });
});
after(() => browser?.close());

async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((ready) => {
    const server = createServer().listen(0, '127.0.0.1', () => ready(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function eventually(what, holds) {
  const until = Date.now() + patience;
  for (;;) {
    const found = await Promise.resolve().then(holds).catch(() => undefined);
    if (found) return found;
    if (Date.now() > until) throw new Error(`${what}: not within ${patience / 1000} s`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

class Control {
  home = mkdtempSync(join(tmpdir(), 'barrio-members-'));
  children = new Map();

  /** `secure`: pages are asked for with TLS, at the addresses by which members know each other; else in clear, at those of `consoles`. */
  static async start(secure) {
    const control = new Control();
    const ports = await freePorts(8);
    control.store = `http://127.0.0.1:${ports[6]}`;
    control.peers = `http://127.0.0.1:${ports[7]}`;
    control.clear = [1, 2, 3].map((n) => `127.0.0.1:${ports[n - 1]}`);
    control.tls = [1, 2, 3].map((n) => `127.0.0.1:${ports[n + 2]}`);
    control.origins = secure ? control.tls.map((address) => `https://${address}`) : control.clear.map((address) => `http://${address}`);
    const certificates = join(control.home, 'tls');
    execFileSync(barrio, ['cert', 'ca', certificates]);
    execFileSync(barrio, ['cert', 'issue', certificates, '--control', '--ip', '127.0.0.1']);
    [1, 2, 3].forEach((n) => control.write(n, secure));
    control.spawn('etcd', etcd, ['--data-dir', join(control.home, 'etcd'), '--listen-client-urls', control.store, '--advertise-client-urls', control.store,
      '--listen-peer-urls', control.peers, '--initial-advertise-peer-urls', control.peers, '--initial-cluster', `default=${control.peers}`]);
    [1, 2, 3].forEach((n) => control.begin(n));
    for (const n of [1, 2, 3]) await eventually(`control-${n}`, () => control.health(n));
    return control;
  }

  write(n, secure) {
    const byName = (addresses) => JSON.stringify(Object.fromEntries(addresses.map((address, i) => [`control-${i + 1}`, address])));
    const tls = join(this.home, 'tls');
    writeFileSync(join(this.home, `control-${n}.yaml`), `
listen: ${this.clear[n - 1]}
network: data/networks/spain.yaml
state: ''
blobs: ${this.home}/blobs-${n}
open_console: true
member: control-${n}
members: ${byName(this.tls.map((address) => `https://${address}`))}
${secure ? '' : `consoles: ${byName(this.origins)}`}
tls:
  listen: ${this.tls[n - 1]}
  certificates: [{chain: ${tls}/control.pem, key: ${tls}/control.key}]
  member_ca: ${tls}/ca.pem
etcd: {endpoints: ['${this.store}']}
accounts: [{client_id: operator, client_secret: operator-secret, role: operator, subject: operator}]
`);
  }

  spawn(name, program, args) {
    const log = openSync(join(this.home, `${name}.log`), 'a');
    this.children.set(name, spawn(program, args, { cwd: root, stdio: ['ignore', log, log] }));
  }
  begin(n) {
    this.spawn(`control-${n}`, barrio, ['control', '--config', join(this.home, `control-${n}.yaml`)]);
  }
  signal(n, signal) {
    this.children.get(`control-${n}`).kill(signal);
  }
  async health(n) {
    const answer = await fetch(`http://${this.clear[n - 1]}/healthz`, { signal: AbortSignal.timeout(1000) });
    return answer.ok && answer.json();
  }
  /** The number of the member that leads, as this one knows. */
  leader(asked) {
    return eventually('a leader', async () => Number((await this.health(asked)).leader.slice(-1)));
  }
  logs() {
    return [...this.children.keys()].map((name) => `${name}: ${readFileSync(join(this.home, `${name}.log`), 'utf8').slice(-800)}`).join('\n');
  }
  stop() {
    for (const child of this.children.values()) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** A page that was opened at member n, and what the browser said against it. */
async function open(control, n) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.complaints = [];
  page.asked = new Set();
  page.on('console', (message) => page.complaints.push(message.text()));
  page.on('request', (request) => page.asked.add(new URL(request.url()).origin));
  await page.goto(`${control.origins[n - 1]}/`);
  await page.locator('table.sites tr[data-site]').first().waitFor();
  await page.evaluate(() => { window.stillTheSame = true; });
  await page.locator('[data-cell=member]', { hasText: `control-${n} answers` }).waitFor();
  return page;
}

/** Which member the page is told by, once it is another than those, and new views come from it. How long that took, in ms. */
async function goesOn(page, without, began = Date.now()) {
  await page.waitForFunction((gone) => {
    const words = document.querySelector('[data-cell=member]')?.textContent ?? '';
    return /^control-\d answers$/.test(words) && !gone.includes(Number(words[8]));
  }, without);
  const took = Date.now() - began;
  await page.locator('[data-tile=control]', { hasText: /^connected$/ }).waitFor();
  const shown = await page.locator('footer').innerText();
  await page.waitForFunction((before) => document.querySelector('footer').innerText !== before, shown);
  assert.equal(await page.locator('.banner').count(), 0);
  assert.equal(await page.evaluate(() => window.stillTheSame), true);
  return { member: Number((await page.locator('[data-cell=member]').innerText())[8]), took };
}

for (const secure of [false, true]) {
  test(`with members dying one after the other, an open page goes on at who is left, ${secure ? 'with TLS' : 'in clear'}`, { skip, timeout: 180_000 }, async (t) => {
    const control = await Control.start(secure);
    let page;
    try {
      const first = await control.leader(1);
      page = await open(control, first);
      const killed = Date.now();
      control.signal(first, 'SIGKILL');
      await page.locator('[data-cell=member]', { hasText: /has no answer: reconnecting to|no member of control has an answer/ }).waitFor();
      const second = await goesOn(page, [first], killed);
      t.diagnostic(`the leader that gave the page out was killed: a view of another member after ${second.took} ms`);
      const leads = await control.leader(second.member);
      control.signal(second.member, 'SIGKILL');
      const third = await goesOn(page, [first, second.member]);
      t.diagnostic(`the ${leads === second.member ? 'leader' : 'follower'} that it then asked was killed: after ${third.took} ms`);
      control.begin(first);
      await eventually('the first is back', () => control.health(first));
      control.signal(third.member, 'SIGKILL');
      const back = await goesOn(page, [second.member, third.member]);
      assert.equal(back.member, first);
      t.diagnostic(`the last of them was killed, and the first was back: after ${back.took} ms`);
      assert.deepEqual([...page.asked].sort(), [...control.origins].sort());
      assert.deepEqual(page.complaints.filter((text) => /Content Security Policy|CORS|Mixed Content/i.test(text)), []);
    } catch (error) {
      error.message += `\n${page ? await page.locator('header').innerText() : ''}\n${page?.complaints.slice(-5).join('\n')}\n${control.logs()}`;
      throw error;
    } finally {
      await page?.context().close();
      control.stop();
    }
  });
}

test('a member that stands still loses the lead and the page; a page of nobody among them may read nothing', { skip, timeout: 120_000 }, async (t) => {
  const control = await Control.start(false);
  const stranger = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<p>a page of somebody else'));
  let page;
  try {
    const leader = await control.leader(1);
    page = await open(control, leader);
    control.signal(leader, 'SIGSTOP');
    const next = await goesOn(page, [leader]);
    t.diagnostic(`the leader that gave the page out stands still: a view of another member after ${next.took} ms`);
    control.signal(leader, 'SIGCONT');
    await new Promise((ready) => stranger.listen(0, '127.0.0.1', ready));
    await page.goto(`http://127.0.0.1:${stranger.address().port}/`);
    for (const path of ['live', 'storage', 'consoles']) {
      const read = await page.evaluate((url) => fetch(url).then((answer) => answer.text(), (error) => error.name), `${control.origins[next.member - 1]}/barrio/v1/${path}`);
      assert.equal(read, 'TypeError', path);
    }
  } finally {
    await page?.context().close();
    stranger.close();
    control.stop();
  }
});
