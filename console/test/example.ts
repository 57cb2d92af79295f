// A live view as control sends it, and a flow as the page holds it, for tests to change.

import { parseLive } from '../src/api';
import type { Flow, Site } from '../src/api';
import { camerasOf } from '../src/cameras';
import type { Camera } from '../src/cameras';

export function liveJson() {
  return {
    time: '2026-11-24T10:00:00.000Z',
    snapshot_version: 7,
    sites: [
      { id: 'bio1', city: 'Bilbao', lat: 43.25722, lon: -2.92391, status: 'active', connected: true, power_budget_w: 20000, power_used_w: 5000, replicas: 2, replicas_ready: 2 },
      { id: 'zaz1', city: 'Zaragoza', lat: 41.65646, lon: -0.87929, status: 'planned', connected: false, power_budget_w: 16000, power_used_w: 0, replicas: 0, replicas_ready: 0 },
      { id: 'lcg1', city: 'A Coruña', lat: 43.37127, lon: -8.3955, status: 'active', connected: true, power_budget_w: 12000, power_used_w: 11000, replicas: 2, replicas_ready: 1 },
    ],
    apps: [
      { app: 'ayuntamiento/street-video', objective_ms: 250, objective_percentile: 99, replicas: 2, replicas_ready: 2, sites: ['bio1', 'lcg1'] },
      { app: 'euskotren/platform-watch', objective_ms: 60, objective_percentile: 99.9, replicas: 1, replicas_ready: 0, sites: [], refusal: { reason: 'power', detail: 'bio1 is full', nearest: 'another 40 W at bio1' } },
    ],
    flows: [
      {
        app: 'ayuntamiento/street-video', place: 'Vigo', location: { lat: 42.2406, lon: -8.7207 }, access: 'fibre', served_by: 'lcg1', entered: 'lcg1',
        answered: 50, late: 0, refused: 0, refusal: '', seconds: 10,
        network: { p50_ms: 7, p99_ms: 8 }, queue: { p50_ms: 1, p99_ms: 5 }, compute: { p50_ms: 40, p99_ms: 48 }, total: { p50_ms: 48, p99_ms: 61 },
      },
    ],
  };
}

export function flow(change: Partial<Flow> = {}): Flow {
  return { ...parseLive(liveJson()).flows[0]!, ...change };
}

/** Of one flow. */
export function camera(change: Partial<Flow> = {}): Camera {
  return camerasOf([flow(change)])[0]!;
}

export function site(change: Partial<Site> = {}): Site {
  return { ...parseLive(liveJson()).sites[0]!, ...change };
}

/** Storage as control sends it. */
export function storageJson() {
  return {
    sites: [
      { site: 'bio1', buckets: 3, incomplete: 1, untold: 1, objects: 18_243, bytes: 41_231_094_000 },
      { site: 'vlc1', buckets: 1, incomplete: 0, untold: 0, objects: 920, bytes: 2_700_000_000_000 },
    ],
  };
}
