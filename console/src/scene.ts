// What the map draws, as values: projected outlines, markers moved apart, lines and labels. No DOM in here.

import { geoPath } from 'd3-geo';
import { geoConicConformalSpain } from 'd3-composite-projections';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import atlas from 'es-atlas/es/provinces.json';
import type { Flow, Site } from './api';
import { placeLabels, spread } from './layout';
import type { Disc, Label, LabelWish, Point } from './layout';
import { cameraKey, flowKey, flowState, siteState } from './view';
import type { FlowState, SiteState } from './view';

const topology = atlas as unknown as Topology<{ provinces: GeometryCollection; autonomous_regions: GeometryCollection }>;
// The atlas carries Gibraltar (20) among the communities; it is not one.
const communities: GeometryCollection = {
  type: 'GeometryCollection',
  geometries: topology.objects.autonomous_regions.geometries.filter((region) => region.id !== '20'),
};

export interface Ground {
  width: number;
  height: number;
  land: string;
  borders: string;
  inset: string; // the corner around the Canary Islands
  project: (lat: number, lon: number) => Point | null;
}

/** Spain drawn as large as the frame allows, the Canary Islands in their corner. */
export function ground(width: number): Ground {
  const height = Math.round(width * (width < 500 ? 0.84 : 0.74));
  const margin = Math.max(10, width * 0.03);
  const projection = geoConicConformalSpain();
  const land = feature(topology, communities);
  projection.fitExtent([[margin, margin], [width - margin, height - margin]], land);
  const path = geoPath(projection).digits(1);
  return {
    width,
    height,
    land: path(land) ?? '',
    borders: path(mesh(topology, communities, (a, b) => a !== b)) ?? '',
    inset: projection.getCompositionBorders(),
    project: (lat, lon) => {
      const point = projection([lon, lat]);
      return point ? { x: point[0], y: point[1] } : null;
    },
  };
}

export interface SiteMark extends Point {
  site: Site;
  state: SiteState;
  label: Label | null;
}

export interface CameraMark extends Point {
  flow: Flow;
  key: string; // of the flow
  camera: string;
  state: FlowState;
  line: string; // to the serving site; empty where nobody serves
  label: Label | null;
}

export interface Scene {
  sites: SiteMark[];
  cameras: CameraMark[];
  unseen: number; // sites and cameras outside the map
}

const poweredRadius = 11;
const hollowRadius = 6; // planned and retired sites have no ring
const siteRadius = (site: Site) => (site.status === 'planned' || site.status === 'retired' ? hollowRadius : poweredRadius);
const cameraRadius = 4.5;
const labelSize = 12;
const isPowered = (wish: LabelWish) => wish.r === poweredRadius;

/** A line that bows a little to its left, so that lines between the same places do not cover each other. */
export function bow(from: Point, to: Point): string {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const bend = Math.hypot(dx, dy) < 30 ? 0 : 0.1;
  const [cx, cy] = [(from.x + to.x) / 2 + dy * bend, (from.y + to.y) / 2 - dx * bend];
  const text = (value: number) => value.toFixed(1);
  return `M${text(from.x)} ${text(from.y)}Q${text(cx)} ${text(cy)} ${text(to.x)} ${text(to.y)}`;
}

function projected<T extends { lat: number; lon: number }>(items: readonly T[], on: Ground, radius: (item: T) => number): { item: T; disc: Disc }[] {
  return items.flatMap((item) => {
    const point = on.project(item.lat, item.lon);
    return point ? [{ item, disc: { ...point, r: radius(item) } }] : [];
  });
}

export function scene(on: Ground, sites: readonly Site[], flows: readonly Flow[]): Scene {
  // The order decides who moves for whom; it must not depend on the order of the answer.
  const seenSites = projected([...sites].sort((a, b) => (a.id < b.id ? -1 : 1)), on, siteRadius);
  const seenFlows = projected([...flows].sort((a, b) => (flowKey(a) < flowKey(b) ? -1 : 1)), on, () => cameraRadius);
  const siteAt = spread(seenSites.map(({ disc }) => disc), 2);
  const siteDiscs = siteAt.map((point, i) => ({ ...point, r: siteRadius(seenSites[i]!.item), fixed: true }));
  const all = spread([...siteDiscs, ...seenFlows.map(({ disc }) => disc)], 5);
  const cameraAt = all.slice(siteDiscs.length);
  const cameraDiscs = cameraAt.map((point) => ({ ...point, r: cameraRadius }));

  const cities = new Set(sites.map((site) => site.city));
  const named = new Set<string>();
  const siteWishes = seenSites.map(({ item }, i) => ({ ...siteAt[i]!, r: siteRadius(item), text: firstOf(named, item.city) }));
  const cameraWishes = seenFlows.map(({ item }, i) => ({
    ...cameraAt[i]!, r: cameraRadius, text: cities.has(item.place) ? '' : firstOf(named, item.place),
  }));
  // Where room is short, what works is named before what is only planned.
  const order = [...siteWishes.filter(isPowered), ...cameraWishes, ...siteWishes.filter((wish) => !isPowered(wish))];
  const placed = placeLabels(order, [...siteDiscs, ...cameraDiscs], labelSize, on);
  const labels = new Map(order.map((wish, i) => [wish, placed[i] ?? null]));
  const position = new Map(seenSites.map(({ item }, i) => [item.id, siteAt[i]!]));
  return {
    sites: seenSites.map(({ item }, i) => ({ site: item, state: siteState(item), ...siteAt[i]!, label: labels.get(siteWishes[i]!) ?? null })),
    cameras: seenFlows.map(({ item }, i) => {
      const server = position.get(item.servedBy);
      return {
        flow: item, key: flowKey(item), camera: cameraKey(item), state: flowState(item), ...cameraAt[i]!,
        line: server ? bow(cameraAt[i]!, server) : '', label: labels.get(cameraWishes[i]!) ?? null,
      };
    }),
    unseen: sites.length + flows.length - seenSites.length - seenFlows.length,
  };
}

/** A name is written once, however many things stand there. */
function firstOf(named: Set<string>, text: string): string {
  if (named.has(text)) return '';
  named.add(text);
  return text;
}
