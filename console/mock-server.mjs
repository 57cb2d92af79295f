// Serves dist/ and a scripted GET /barrio/v1/live and /barrio/v1/storage, for work on the page and for the browser test; nothing of it ships.
// The script: 17 sites, eleven cameras, some of which enter by several gateways; a site is lost for a while, one tenant is refused then, control goes away.
//   node mock-server.mjs [--port 8090]
// With `hold()` a test freezes the script at a second of its choice.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('./dist/', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain; charset=utf-8' };
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const sites = [
  ['mad1', 'Madrid', 40.40841, -3.6876, 'active', 200000, 0.31], ['mad2', 'Madrid', 40.40841, -3.6876, 'active', 200000, 0.22],
  ['bcn1', 'Barcelona', 41.38425, 2.17635, 'active', 166667, 0.48], ['vlc1', 'Valencia', 39.47534, -0.37566, 'active', 100000, 0.36],
  ['svq1', 'Sevilla', 37.38621, -5.99251, 'active', 100000, 0.41], ['agp1', 'Málaga', 36.72034, -4.41998, 'active', 80000, 0.64],
  ['pmi1', 'Palma de Mallorca', 39.57115, 2.65182, 'active', 66667, 0.93], ['bio1', 'Bilbao', 43.25722, -2.92391, 'active', 100000, 0.58],
  ['lcg1', 'A Coruña', 43.37127, -8.3955, 'active', 66667, 0.44], ['trs1', 'Terrassa', 41.56236, 2.01215, 'active', 80000, 0.0009],
  ['zaz1', 'Zaragoza', 41.65646, -0.87929, 'planned', 80000, 0], ['lpa1', 'Las Palmas de Gran Canaria', 28.09938, -15.41337, 'planned', 66667, 0],
  ['vll1', 'Valladolid', 41.65233, -4.72335, 'planned', 66667, 0], ['gij1', 'Gijón', 43.5392, -5.65949, 'planned', 66667, 0],
  ['tfn1', 'Santa Cruz de Tenerife', 28.46285, -16.24721, 'planned', 66667, 0],
  ['scq1', 'Santiago de Compostela', 42.88, -8.54611, 'planned', 53333, 0], ['mer1', 'Mérida', 38.91739, -6.34417, 'planned', 53333, 0],
];

const people = 'ayuntamiento/street-video';
// place, lat, lon, access, app, sites in order of preference (empty: its policy permits no other), network ms, compute ms
const cameras = [
  ['Vigo', 42.2406, -8.7207, 'fibre', people, ['lcg1', 'mad1'], 7.1, 38],
  ['Granada', 37.1773, -3.5986, 'nr5g', people, ['agp1', 'svq1'], 17.4, 41],
  ['San Sebastián', 43.3183, -1.9812, 'fibre', people, ['bio1', 'mad1'], 6.4, 36],
  ['Ibiza', 38.9067, 1.4206, 'fibre', people, ['vlc1', 'pmi1'], 7.9, 39],
  ['Madrid', 40.4168, -3.7038, 'fibre', people, ['mad1', 'mad2'], 4.2, 37],
  ['Zaragoza', 41.6488, -0.8891, 'fibre', people, ['bcn1', 'mad1'], 8.3, 40],
  ['Murcia', 37.9922, -1.1307, 'nr5g', people, ['vlc1', 'agp1'], 18.6, 39],
  ['Oviedo', 43.3614, -5.8494, 'fibre', people, ['lcg1', 'bio1'], 8.8, 42],
  ['Girona', 41.9794, 2.8214, 'fibre', people, ['bcn1', 'trs1'], 5.6, 38],
  ['Santa Cruz de La Palma', 28.6835, -17.7642, 'fibre', people, ['svq1', 'agp1'], 27.5, 40],
  ['Bilbao', 43.263, -2.935, 'fibre', 'euskotren/platform-watch', ['bio1'], 4.1, 52],
];

/** Repeats itself: the same second gives the same view. */
function noise(seed, second) {
  const value = Math.sin(seed * 12.9898 + second * 78.233) * 43758.5453;
  return value - Math.floor(value);
}

const pair = (p50, spread) => ({ p50_ms: round(p50), p99_ms: round(p50 + spread) });
const round = (value) => Math.round(value * 1000) / 1000;

/** What the gateway at `entered` says of a camera; empty: that of the site that serves it. */
function flowAt(camera, index, second, lost, { entered, share } = { entered: '', share: 1 }) {
  const [place, lat, lon, access, app, preferred, network, compute] = camera;
  const wished = share === 1 ? preferred : [...preferred].reverse();
  const served = wished.find((site) => !lost.has(site)) ?? '';
  const far = served === wished[0] ? 0 : 6.5;
  const late = index === 1 && second % 60 > 40 ? 3 : 0;
  const queue = 0.3 + 2.5 * noise(index, second) + (late ? 30 : 0);
  const work = compute + 3 * noise(index + 50, second);
  const path = network + far + 0.6 * noise(index + 90, second);
  const parts = served
    ? { network: pair(path, 1.2), queue: pair(queue, 6), compute: pair(work, 9), total: pair(path + queue + work + 0.4, 14 + 3 * noise(index + 20, second)) }
    : { network: pair(0, 0), queue: pair(0, 0), compute: pair(0, 0), total: pair(0, 0) };
  return {
    app, place, location: { lat, lon }, access, served_by: served, entered: entered || served || 'mad1', ...parts,
    answered: served ? Math.floor(share * (46 + 6 * noise(index + 7, second))) : 0, late, refused: served ? 0 : Math.floor(share * 48),
    refusal: served ? '' : 'unavailable', seconds: share === 1 ? 10 : 4,
  };
}

/** Every third camera's devices enter by three gateways, two of which send to the site that it likes second. */
function flowsAt(camera, index, second, lost) {
  const first = flowAt(camera, index, second, lost);
  if (index % 3 !== 0) return [first];
  const more = [['mad1', 0.1], ['mad2', 0.05]].filter(([entered]) => entered !== first.entered);
  return [first, ...more.map(([entered, share]) => flowAt(camera, index, second, lost, { entered, share }))];
}

/** name, objective in ms, sites; risk is asked by nobody, audit has no place. */
const apps = [
  [people, 250, ['mad1', 'mad2', 'bcn1', 'vlc1', 'svq1', 'agp1', 'pmi1', 'bio1', 'lcg1', 'trs1']],
  ['euskotren/platform-watch', 60, ['bio1']], ['ayuntamiento/risk', 50, ['mad1', 'bcn1']], ['television/audit', 100, []],
];

function appAt([app, objective_ms, placed], lost) {
  const ready = placed.filter((site) => !lost.has(site));
  const view = { app, objective_ms, objective_percentile: 99, replicas: Math.max(1, placed.length), replicas_ready: ready.length, sites: placed };
  if (ready.length > 0) return view;
  const refusal = placed.length > 0
    ? { reason: 'unavailable', detail: `policy 'jurisdiction ES-PV' permits only ${placed[0]}, which is lost`, nearest: `${placed[0]} back` }
    : { reason: 'power', detail: 'vll1 has 40 W of IT power left, a replica needs 900', nearest: 'another 860 W at vll1' };
  return { ...view, refusal };
}

/** The view at a second of the script: bio1 is lost from 20 to 39 of every 60. */
export function viewAt(second) {
  const lost = new Set(second % 60 >= 20 && second % 60 < 40 ? ['bio1'] : []);
  return {
    time: new Date(Date.UTC(2026, 10, 24, 10, 0, 0) + second * 1000).toISOString(),
    snapshot_version: 41 + Math.floor(second / 20),
    sites: sites.map(([id, city, lat, lon, status, budget, share]) => {
      const up = status === 'active' && !lost.has(id);
      return { id, city, lat, lon, status, connected: up, power_budget_w: budget, power_used_w: up ? Math.round(budget * share) : 0,
        replicas: status === 'active' ? 2 : 0, replicas_ready: up ? 2 : 0 };
    }),
    apps: apps.map((app) => appAt(app, lost)),
    flows: cameras.flatMap((camera, index) => flowsAt(camera, index, second, lost)),
  };
}

export function storageNow() {
  return {
    sites: [
      { site: 'bio1', buckets: 2, incomplete: 0, untold: 0, objects: 18_243, bytes: 41_231_094_000 },
      { site: 'lcg1', buckets: 1, incomplete: 0, untold: 1, objects: 0, bytes: 0 },
      { site: 'vlc1', buckets: 1, incomplete: 1, untold: 0, objects: 920, bytes: 2_700_000_000_000 },
    ],
  };
}

async function serveFile(path, response) {
  const name = normalize(path === '/' ? '/index.html' : path);
  try {
    const bytes = await readFile(join(dist, name));
    response.writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream', 'content-security-policy': policy, 'x-content-type-options': 'nosniff' });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

/** Listens on loopback (port 0: any free one). */
export async function startMock(port = 0, firstSecond = 0) {
  const started = Date.now();
  let held = null;
  let away = false;
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://mock').pathname;
    if (!path.startsWith('/barrio/v1/')) return void serveFile(path, response);
    if (away) return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'application/json' });
    if (path === '/barrio/v1/consoles') return void response.end(JSON.stringify({ member: 'control', consoles: [] }));
    if (path === '/barrio/v1/storage') return void response.end(JSON.stringify(storageNow()));
    response.end(JSON.stringify(viewAt(held ?? firstSecond + Math.floor((Date.now() - started) / 1000))));
  });
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    hold: (second) => { held = second; },
    setAway: (now) => { away = now; },
    stop: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.argv[process.argv.indexOf('--port') + 1]) || 8090;
  console.log(`console with a scripted network at ${(await startMock(port)).url}`);
}
