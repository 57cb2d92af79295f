// The last five minutes of every camera's p99, as columns for the chart. Kept in the page: control holds no history.

import type { Camera } from './cameras';

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

function freeSlot(series: readonly Series[]): number {
  let slot = 0;
  while (series.some((taken) => taken.slot === slot)) slot++;
  return slot;
}

/** History with one more moment; what is older than five minutes falls out, and a series with it once it is empty. */
export function extend(history: History, time: number, cameras: readonly Camera[]): History {
  const firstKept = history.times.findIndex((kept) => kept > time - historySeconds);
  const from = firstKept < 0 ? history.times.length : firstKept;
  const fresh = new Map(cameras.filter((camera) => camera.answered > 0).map((camera) => [camera.key, camera]));
  const series: Series[] = [];
  for (const old of history.series) {
    const values = [...old.values.slice(from), fresh.get(old.key)?.total.p99 ?? null];
    fresh.delete(old.key);
    if (values.some((value) => value !== null)) series.push({ ...old, values });
  }
  const gap: null[] = new Array(history.times.length - from).fill(null);
  for (const [key, { place, app, total }] of fresh) {
    if (series.length === maxSeries) break;
    series.push({ key, place, app, slot: freeSlot(series), values: [...gap, total.p99] });
  }
  return { times: [...history.times.slice(from), time], series };
}

/** Of which time it is. Control keeps none, so the page knows what it saw itself. */
export function spanWords({ times }: History): string {
  const seconds = times.length > 0 ? times[times.length - 1]! - times[0]! : 0;
  return seconds < historySeconds - 10 ? 'since this page was opened' : 'last 5 minutes';
}
