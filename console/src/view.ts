// Pure functions from the live view to what the page says: states, sums, order and figures as text.

import { together } from './sums';
import type { Live, Site, Storage } from './api';

export type FlowState = 'on-time' | 'late' | 'refused' | 'idle';
export type SiteState = 'active' | 'draining' | 'testing' | 'planned' | 'retired' | 'lost';

/** The worst thing that happened in the window. */
export function flowState(counts: { answered: number; late: number; refused: number }): FlowState {
  if (counts.refused > 0) return 'refused';
  if (counts.late > 0) return 'late';
  return counts.answered > 0 ? 'on-time' : 'idle';
}

export const flowWords: Record<FlowState, string> = {
  'on-time': 'on time',
  late: 'late',
  refused: 'refused',
  idle: 'no requests',
};

/** A site that should report and does not is lost; a planned or retired one is not expected to. */
export function siteState(site: Site): SiteState {
  const expected = site.status === 'active' || site.status === 'draining' || site.status === 'testing';
  return expected && !site.connected ? 'lost' : site.status;
}

export interface Totals {
  active: number;
  lost: number;
  sites: number;
  answeredPerSecond: number;
  late: number;
  refused: number;
}

export function totals(live: Live): Totals {
  const { answeredPerSecond, late, refused } = together(live.flows);
  return {
    active: live.sites.filter((site) => siteState(site) === 'active').length,
    lost: live.sites.filter((site) => siteState(site) === 'lost').length,
    sites: live.sites.length,
    answeredPerSecond,
    late,
    refused,
  };
}

export const spanish = new Intl.Collator('es');

const siteRank: Record<SiteState, number> = { lost: 0, draining: 1, active: 2, testing: 3, planned: 4, retired: 5 };

/** What needs eyes first, then by city. */
export function bySiteState(sites: readonly Site[]): Site[] {
  return [...sites].sort(
    (a, b) => siteRank[siteState(a)] - siteRank[siteState(b)] || spanish.compare(a.city, b.city) || spanish.compare(a.id, b.id),
  );
}

/** Share of the power budget in use, 0 to 1; 0 for a site without a budget. */
export function powerShare(site: Site): number {
  return site.powerBudgetW > 0 ? Math.min(1, Math.max(0, site.powerUsedW / site.powerBudgetW)) : 0;
}

/** Two figures are enough below 10 ms, one below 100, none above. */
export function formatMs(ms: number): string {
  return ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0);
}

/** From this share of its power budget on, a site stands out. */
export const nearlyFull = 0.9;

function formatWatts(watts: number): string {
  if (watts < 1000) return `${Math.round(watts)} W`;
  return `${(watts / 1000).toFixed(watts < 99950 ? 1 : 0)} kW`;
}

/** "75 W / 200 kW": in use, and what there is. */
export function formatPower(site: Site): string {
  return `${formatWatts(site.powerUsedW)} / ${formatWatts(site.powerBudgetW)}`;
}

/** How long a bar or arc of `length` is for a share; any use at all stays visible. */
export function extent(share: number, length: number): number {
  return share > 0 ? Math.max(2, share * length) : 0;
}

export function formatRate(perSecond: number): string {
  return perSecond.toFixed(perSecond < 99.95 ? 1 : 0);
}

/** "4 s", "3 min 5 s", "2 h 10 min". */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const accessWords: Record<string, string> = { fibre: 'fibre', nr5g: '5G' };

export function formatAccess(access: string): string {
  return accessWords[access] ?? access;
}

/** "250 ms p99". */
export function objectiveWords({ objectiveMs, objectivePercentile }: { objectiveMs: number; objectivePercentile: number }): string {
  return `${Number(objectiveMs.toFixed(1))} ms p${objectivePercentile}`;
}

/** Sites whose buckets lack copies first, then those that keep most. */
export function byNeed(storage: readonly Storage[]): Storage[] {
  return [...storage].sort((a, b) => Number(b.incomplete > 0) - Number(a.incomplete > 0) || b.bytes - a.bytes || spanish.compare(a.site, b.site));
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** "940 B", "1.5 MiB", "312 GiB". */
export function formatBytes(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1023.5 && unit < byteUnits.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${amount.toFixed(unit > 0 && amount < 99.95 ? 1 : 0)} ${byteUnits[unit]}`;
}
