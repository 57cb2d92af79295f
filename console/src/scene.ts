// What the map draws, as values: projected outlines, markers moved apart, lines and labels. No DOM in here.

import { geoPath } from 'd3-geo';
import { geoConicConformalSpain } from 'd3-composite-projections';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import atlas from 'es-atlas/es/provinces.json';
import type { Site } from './api';
import type { Camera } from './cameras';
import { placeLabels, spread } from './layout';
import type { Disc, Label, LabelWish, Point, Segment } from './layout';
import { flowState, siteState } from './view';
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
  labelSize: number;
  scale: number; // of markers: smaller where the map is
  project: (lat: number, lon: number) => Point | null;
}

/** Spain drawn as large as the frame allows, the Canary Islands in their corner. */
export function ground(width: number): Ground {
  const small = width < 500;
  const height = Math.round(width * (small ? 0.92 : 0.74));
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
    labelSize: small ? 11 : 12,
    scale: small ? 0.75 : 1,
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
  camera: Camera;
  state: FlowState;
  line: string; // to the site that serves most of it; empty where nobody serves
  others: string[]; // to the other sites that serve it
  label: Label | null;
}

export interface Scene {
  sites: SiteMark[];
  cameras: CameraMark[];
  unseen: number; // sites and cameras outside the map
}

const poweredRadius = 11;
const hollowRadius = 6; // planned and retired sites have no ring
const isPowered = (site: Site) => site.status !== 'planned' && site.status !== 'retired';
const siteRadius = (on: Ground, site: Site) => on.scale * (isPowered(site) ? poweredRadius : hollowRadius);
const cameraRadius = (on: Ground) => on.scale * 4.5;

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

/** The corners of a path of straight lines, pairwise. */
function segmentsOf(path: string): Segment[] {
  const corners = [...path.matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
  return corners.slice(1).map((to, i) => ({ from: corners[i]!, to }));
}

/** A city has one name on the map, however many sites and cameras stand there. */
function wishes(on: Ground, sites: readonly (Point & { item: Site })[], cameras: readonly (Point & { item: Camera })[]): { ofSites: LabelWish[]; ofCameras: LabelWish[] } {
  const named = new Set<string>();
  const firstOf = (text: string) => {
    if (named.has(text)) return '';
    named.add(text);
    return text;
  };
  // A city's name stands at a site that works, where it has one.
  const ordered = [...sites].sort((a, b) => Number(isPowered(b.item)) - Number(isPowered(a.item)));
  const texts = new Map(ordered.map(({ item }) => [item.id, firstOf(item.city)]));
  return {
    ofSites: sites.map(({ x, y, item }) => ({ x, y, r: siteRadius(on, item), text: texts.get(item.id)!, bold: isPowered(item) })),
    ofCameras: cameras.map(({ x, y, item }) => ({ x, y, r: cameraRadius(on), text: firstOf(item.place), bold: false })),
  };
}

function labels(on: Ground, sites: readonly (Point & { item: Site })[], cameras: readonly (Point & { item: Camera })[]): (Label | null)[] {
  const { ofSites, ofCameras } = wishes(on, sites, cameras);
  const discs = [...sites.map(({ x, y, item }) => ({ x, y, r: siteRadius(on, item) })), ...cameras.map(({ x, y }) => ({ x, y, r: cameraRadius(on) }))];
  return placeLabels([...ofSites, ...ofCameras], { discs, lines: segmentsOf(on.inset) }, on.labelSize, on);
}

/** Where all of them stand: by the sites' ids and the cameras' keys. */
export type Standing = Map<string, Point & { label: Label | null }>;

/** Equal while nothing moves: sites and cameras come and go seldom, what they do changes each second. */
export function standingKey(sites: readonly Site[], cameras: readonly Camera[]): string {
  const ofSites = sites.map((site) => [site.id, site.city, site.lat, site.lon, isPowered(site)].join());
  return [...ofSites, ...cameras.map((camera) => [camera.key, camera.lat, camera.lon].join())].sort().join('\n');
}

export function stand(on: Ground, sites: readonly Site[], cameras: readonly Camera[]): Standing {
  // The order decides who moves for whom; it must not depend on the order of the answer.
  const seenSites = projected([...sites].sort((a, b) => (a.id < b.id ? -1 : 1)), on, (site) => siteRadius(on, site));
  const seenCameras = projected([...cameras].sort((a, b) => (a.key < b.key ? -1 : 1)), on, () => cameraRadius(on));
  const siteAt = spread(seenSites.map(({ disc }) => disc), 2 * on.scale);
  const siteDiscs = siteAt.map((point, i) => ({ ...point, r: siteRadius(on, seenSites[i]!.item), fixed: true }));
  const cameraAt = spread([...siteDiscs, ...seenCameras.map(({ disc }) => disc)], 5 * on.scale).slice(siteDiscs.length);
  const standingSites = seenSites.map(({ item }, i) => ({ item, ...siteAt[i]! }));
  const standingCameras = seenCameras.map(({ item }, i) => ({ item, ...cameraAt[i]! }));
  const labelOf = labels(on, standingSites, standingCameras);
  const keys = [...seenSites.map(({ item }) => item.id), ...seenCameras.map(({ item }) => item.key)];
  return new Map([...siteAt, ...cameraAt].map(({ x, y }, i) => [keys[i]!, { x, y, label: labelOf[i] ?? null }]));
}

export function scene(standing: Standing, sites: readonly Site[], cameras: readonly Camera[]): Scene {
  const lineTo = (from: Point, site: string) => {
    const server = standing.get(site);
    return server ? bow(from, server) : '';
  };
  const siteMarks = sites.flatMap((site) => {
    const at = standing.get(site.id);
    return at ? [{ site, state: siteState(site), ...at }] : [];
  });
  const cameraMarks = cameras.flatMap((camera) => {
    const at = standing.get(camera.key);
    if (!at) return [];
    const others = camera.others.map((site) => lineTo(at, site)).filter((line) => line !== '');
    return [{ camera, state: flowState(camera), line: lineTo(at, camera.servedBy), others, ...at }];
  });
  return { sites: siteMarks, cameras: cameraMarks, unseen: sites.length + cameras.length - siteMarks.length - cameraMarks.length };
}
