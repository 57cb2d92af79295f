// The map of Spain: sites with their power in use, cameras with a line to the site that serves them.

import { useMemo } from 'preact/hooks';
import type { Site } from './api';
import type { Camera } from './cameras';
import type { Pick } from './pick';
import { useWidth } from './live';
import { ground, scene, stand, standingKey } from './scene';
import type { CameraMark, Ground, Scene, SiteMark } from './scene';
import type { Label } from './layout';
import { refusalWords } from './refusals';
import { extent, flowWords, formatMs, formatPower, nearlyFull, powerShare } from './view';

const ringRadius = 9;
const ringLength = 2 * Math.PI * ringRadius;

function MapLabel({ label, kind, of }: { label: Label; kind: string; of: string }) {
  const { x, y, anchor, leader, lines } = label;
  return (
    <g class={`label ${kind}`} data-label={of}>
      {leader && <path class="leader" d={`M${leader.from.x.toFixed(1)} ${leader.from.y.toFixed(1)}L${leader.to.x.toFixed(1)} ${leader.to.y.toFixed(1)}`} />}
      <text x={x.toFixed(1)} y={y.toFixed(1)} text-anchor={anchor}>
        {lines.map((line, i) => <tspan key={line} x={x.toFixed(1)} dy={i === 0 ? 0 : '1.15em'}>{line}</tspan>)}
      </text>
    </g>
  );
}

function SiteGlyph({ mark, scale }: { mark: SiteMark; scale: number }) {
  const { site, state } = mark;
  const used = extent(powerShare(site), ringLength);
  const powered = state === 'active' || state === 'draining' || state === 'testing';
  return (
    <g class={`site ${state}`} data-site={site.id} transform={`translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)}) scale(${scale})`}>
      <title>
        {`${site.city} (${site.id}): ${state}, ${formatPower(site)} in use, ` +
          `${site.replicasReady} of ${site.replicas} replicas ready`}
      </title>
      <circle class="halo" r={11} />
      {powered && <circle class="ring-track" r={ringRadius} />}
      {powered && <circle class={powerShare(site) > nearlyFull ? 'ring near' : 'ring'} r={ringRadius} stroke-dasharray={`${used.toFixed(2)} ${ringLength.toFixed(2)}`} transform="rotate(-90)" />}
      <circle class="core" r={5} />
      {state === 'lost' && <path class="cross" d="M-6-6 6 6M6-6-6 6" />}
    </g>
  );
}

function cameraTitle({ camera, state }: CameraMark): string {
  const { place, app, servedBy, others, total, refused, refusals } = camera;
  const more = others.length > 0 ? ` and ${others.join(', ')}` : '';
  const served = servedBy ? `served by ${servedBy}${more}, p99 ${formatMs(total.p99)} ms` : 'served by nobody';
  return `${place}, ${app}: ${flowWords[state]}, ${served}${refused > 0 ? `; refused: ${refusalWords(refusals)}` : ''}`;
}

function emphasis(camera: string, pick: Pick): string {
  if (pick.shown === null) return '';
  return pick.shown === camera ? ' shown' : ' dimmed';
}

/** Lines to further sites are drawn while the camera stands out. */
function CameraLine({ mark, pick }: { mark: CameraMark; pick: Pick }) {
  const { key } = mark.camera;
  if (mark.line === '') return null;
  return (
    <g class={`line ${mark.state}${emphasis(key, pick)}`} data-line={key}>
      <path class="bed" d={mark.line} />
      <path class="pulse" d={mark.line} />
      {pick.shown === key && mark.others.map((line) => <path key={line} class="pulse" d={line} />)}
    </g>
  );
}

function CameraGlyph({ mark, pick, scale }: { mark: CameraMark; pick: Pick; scale: number }) {
  const { key } = mark.camera;
  return (
    <g
      class={`camera ${mark.state}${emphasis(key, pick)}`}
      data-camera={key}
      transform={`translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)}) scale(${scale})`}
      onMouseEnter={() => pick.hover(key)}
      onMouseLeave={() => pick.hover(null)}
      onClick={() => pick.toggle(key)}
    >
      <title>{cameraTitle(mark)}</title>
      <circle class="reach" r={11} />
      {mark.state === 'refused' ? <rect class="dot" x={-4.2} y={-4.2} width={8.4} height={8.4} transform="rotate(45)" /> : <circle class="dot" r={4.5} />}
    </g>
  );
}

function Drawing({ on, drawn, pick }: { on: Ground; drawn: Scene; pick: Pick }) {
  const summary = `Map of Spain with ${drawn.sites.length} sites and ${drawn.cameras.length} cameras; the tables below say the same in words.`;
  return (
    <svg class="map" width={on.width} height={on.height} viewBox={`0 0 ${on.width} ${on.height}`} font-size={on.labelSize} role="img" aria-label={summary}>
      <path class="land" d={on.land} />
      <path class="borders" d={on.borders} />
      <path class="inset" d={on.inset} />
      {drawn.cameras.map((mark) => <CameraLine key={mark.camera.key} mark={mark} pick={pick} />)}
      {drawn.sites.map((mark) => <SiteGlyph key={mark.site.id} mark={mark} scale={on.scale} />)}
      {drawn.cameras.map((mark) => <CameraGlyph key={mark.camera.key} mark={mark} pick={pick} scale={on.scale} />)}
      {drawn.sites.map((mark) => mark.label && <MapLabel key={mark.site.id} label={mark.label} kind={mark.state} of={mark.site.city} />)}
      {drawn.cameras.map((mark) => mark.label && <MapLabel key={mark.camera.key} label={mark.label} kind="of-camera" of={mark.camera.place} />)}
    </svg>
  );
}

function Key() {
  const site = (state: string, words: string) => (
    <li>
      <svg width="24" height="24" viewBox="-12 -12 24 24" aria-hidden="true" class="map">
        <g class={`site ${state}`}>
          {state === 'active' && <circle class="ring-track" r={ringRadius} />}
          {state === 'active' && <circle class="ring" r={ringRadius} stroke-dasharray="20 60" transform="rotate(-90)" />}
          <circle class="core" r={5} />
          {state === 'lost' && <path class="cross" d="M-6-6 6 6M6-6-6 6" />}
        </g>
      </svg>
      {words}
    </li>
  );
  const camera = (state: string, words: string) => (
    <li>
      <svg width={state === 'refused' ? 13 : 30} height="16" viewBox={state === 'refused' ? '-6.5 -8 13 16' : '-6 -8 30 16'} aria-hidden="true" class="map">
        {state !== 'refused' && <g class={`line ${state}`}><path class="bed" d="M0 0H24" /><path class="pulse" d="M0 0H24" /></g>}
        <g class={`camera ${state}`}>
          {state === 'refused' ? <rect class="dot" x={-4.2} y={-4.2} width={8.4} height={8.4} transform="rotate(45)" /> : <circle class="dot" r={4.5} />}
        </g>
      </svg>
      {words}
    </li>
  );
  return (
    <ul class="key" aria-label="Key of the map">
      {site('active', 'active (ring: power in use)')}
      {site('draining', 'draining')}
      {site('planned', 'planned')}
      {site('lost', 'lost')}
      {camera('on-time', 'camera on time')}
      {camera('late', 'late')}
      {camera('refused', 'refused')}
    </ul>
  );
}

export function SpainMap({ sites, cameras, pick }: { sites: Site[]; cameras: Camera[]; pick: Pick }) {
  const [follow, width] = useWidth<HTMLDivElement>();
  const on = useMemo(() => (width > 0 ? ground(width) : null), [width]);
  const standing = useMemo(() => (on ? stand(on, sites, cameras) : null), [on, standingKey(sites, cameras)]);
  const drawn = useMemo(() => (standing ? scene(standing, sites, cameras) : null), [standing, sites, cameras]);
  return (
    <section class="card map-card" aria-labelledby="map-title">
      <h2 id="map-title">Sites and cameras</h2>
      <div ref={follow} class="map-frame">{on && drawn && <Drawing on={on} drawn={drawn} pick={pick} />}</div>
      <Key />
      {drawn !== null && drawn.unseen > 0 && <p class="note">{drawn.unseen} of them lie outside this map; the tables have them all.</p>}
    </section>
  );
}
