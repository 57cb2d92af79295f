// The last five minutes of every camera's p99, as columns for the chart. Kept in the page: control holds no history.

import { cameraKey } from './view';
import type { Flow } from './api';

export const historySeconds = 300;
/** More cameras than this are not charted: the lines could no longer be told apart. */
export const maxSeries = 24;

export interface Series {
  key: string;
  place: string;
  app: string;
  slot: number; // which colour it has, for as long as it lasts
  values: (number | null)[]; // as long as times; null where nothing was answered
}

export interface History {
  times: number[]; // seconds since 1970, rising
  series: Series[];
}

export const emptyHistory: History = { times: [], series: [] };

/** The worst p99 of each camera that had an answer (a camera may be served by two sites while it moves). */
function worstByCamera(flows: readonly Flow[]): Map<string, { flow: Flow; p99: number }> {
  const worst = new Map<string, { flow: Flow; p99: number }>();
  for (const flow of flows) {
    if (flow.answered === 0) continue;
    const key = cameraKey(flow);
    const known = worst.get(key);
    if (!known || flow.total.p99 > known.p99) worst.set(key, { flow, p99: flow.total.p99 });
  }
  return worst;
}

function freeSlot(series: readonly Series[]): number {
  let slot = 0;
  while (series.some((taken) => taken.slot === slot)) slot++;
  return slot;
}

/** History with one more moment; what is older than five minutes falls out, and a series with it once it is empty. */
export function extend(history: History, time: number, flows: readonly Flow[]): History {
  const firstKept = history.times.findIndex((kept) => kept > time - historySeconds);
  const from = firstKept < 0 ? history.times.length : firstKept;
  const fresh = worstByCamera(flows);
  const series: Series[] = [];
  for (const old of history.series) {
    const values = [...old.values.slice(from), fresh.get(old.key)?.p99 ?? null];
    fresh.delete(old.key);
    if (values.some((value) => value !== null)) series.push({ ...old, values });
  }
  const gap: null[] = new Array(history.times.length - from).fill(null);
  for (const [key, { flow, p99 }] of fresh) {
    if (series.length === maxSeries) break;
    series.push({ key, place: flow.place, app: flow.app, slot: freeSlot(series), values: [...gap, p99] });
  }
  return { times: [...history.times.slice(from), time], series };
}
