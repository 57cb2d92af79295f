// Cameras: the devices of one app in one place. Each gateway that they enter by has a flow of them; here they are one.

import type { Flow } from './api';
import { answeredPerSecond, together } from './sums';
import type { Together } from './sums';
import { formatAccess, spanish } from './view';

export interface Camera extends Together {
  key: string; // stays the same when other gateways or sites serve it
  app: string;
  place: string;
  lat: number;
  lon: number;
  access: string;
  servedBy: string; // the site that answers most of its requests; empty: none does
  others: string[]; // more sites that answer some of them, the busiest first
  flows: Flow[]; // of its gateways, the busiest first
}

/** Of all flows of one camera. */
export function cameraKey(flow: Flow): string {
  return `${flow.app}|${flow.place}`;
}

export function flowKey(flow: Flow): string {
  return `${cameraKey(flow)}|${flow.entered}|${flow.servedBy}`;
}

function serversOf(flows: readonly Flow[]): string[] {
  const rates = new Map<string, number>();
  for (const flow of flows) {
    if (flow.servedBy && flow.answered > 0) rates.set(flow.servedBy, (rates.get(flow.servedBy) ?? 0) + answeredPerSecond(flow));
  }
  return [...rates].sort(([a, ratesA], [b, ratesB]) => ratesB - ratesA || (a < b ? -1 : 1)).map(([site]) => site);
}

function busiestFirst(a: Flow, b: Flow): number {
  return answeredPerSecond(b) - answeredPerSecond(a) || b.refused - a.refused || (flowKey(a) < flowKey(b) ? -1 : 1);
}

function cameraOf(key: string, unsorted: readonly Flow[]): Camera {
  const flows = [...unsorted].sort(busiestFirst);
  const { app, place, lat, lon } = flows[0]!;
  const [servedBy = '', ...others] = serversOf(flows);
  const access = [...new Set(flows.map((flow) => formatAccess(flow.access)))].sort().join(', ');
  return { ...together(flows), key, app, place: place === 'unknown' ? 'Unknown place' : place, lat, lon, access, servedBy, others, flows };
}

/** Refusals and misses first would jump about: the order is by name, as one looks a city up. */
export function camerasOf(flows: readonly Flow[]): Camera[] {
  const byKey = new Map<string, Flow[]>();
  for (const flow of flows) {
    const of = byKey.get(cameraKey(flow));
    if (of) of.push(flow);
    else byKey.set(cameraKey(flow), [flow]);
  }
  return [...byKey]
    .map(([key, of]) => cameraOf(key, of))
    .sort((a, b) => spanish.compare(a.place, b.place) || spanish.compare(a.key, b.key));
}
