// The map of Spain: sites with their power in use, cameras with a line to the site that serves them.

import { useMemo } from 'preact/hooks';
import type { Live } from './api';
import type { Pick } from './pick';
import { useWidth } from './live';
import { ground, scene } from './scene';
import type { CameraMark, Ground, Scene, SiteMark } from './scene';
import type { Label } from './layout';
import { extent, flowWords, formatMs, formatPower, nearlyFull, powerShare } from './view';

const ringRadius = 9;
const ringLength = 2 * Math.PI * ringRadius;

function MapLabel({ label, kind }: { label: Label; kind: string }) {
  return <text class={`label ${kind}`} x={label.x} y={label.y} text-anchor={label.anchor}>{label.text}</text>;
}

function SiteGlyph({ mark }: { mark: SiteMark }) {
  const { site, state } = mark;
  const used = extent(powerShare(site), ringLength);
  const powered = state === 'active' || state === 'draining' || state === 'testing';
  return (
    <g class={`site ${state}`} data-site={site.id} transform={`translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)})`}>
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

function cameraTitle({ flow, state }: CameraMark): string {
  const served = flow.servedBy ? `served by ${flow.servedBy}, p99 ${formatMs(flow.total.p99)} ms` : 'served by nobody';
  return `${flow.place}, ${flow.app}: ${flowWords[state]}, ${served}${flow.refused > 0 ? `, refused: ${flow.refusal}` : ''}`;
}

function emphasis(camera: string, pick: Pick): string {
  if (pick.shown === null) return '';
  return pick.shown === camera ? ' shown' : ' dimmed';
}

function CameraLine({ mark, pick }: { mark: CameraMark; pick: Pick }) {
  if (mark.line === '') return null;
  return (
    <g class={`line ${mark.state}${emphasis(mark.camera, pick)}`} data-flow={mark.key}>
      <path class="bed" d={mark.line} />
      <path class="pulse" d={mark.line} />
    </g>
  );
}

function CameraGlyph({ mark, pick }: { mark: CameraMark; pick: Pick }) {
  return (
    <g
      class={`camera ${mark.state}${emphasis(mark.camera, pick)}`}
      data-camera={mark.key}
      transform={`translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)})`}
      onMouseEnter={() => pick.hover(mark.camera)}
      onMouseLeave={() => pick.hover(null)}
      onClick={() => pick.toggle(mark.camera)}
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
    <svg class="map" width={on.width} height={on.height} viewBox={`0 0 ${on.width} ${on.height}`} role="img" aria-label={summary}>
      <path class="land" d={on.land} />
      <path class="borders" d={on.borders} />
      <path class="inset" d={on.inset} />
      {drawn.cameras.map((mark) => <CameraLine key={mark.key} mark={mark} pick={pick} />)}
      {drawn.sites.map((mark) => <SiteGlyph key={mark.site.id} mark={mark} />)}
      {drawn.cameras.map((mark) => <CameraGlyph key={mark.key} mark={mark} pick={pick} />)}
      {drawn.sites.map((mark) => mark.label && <MapLabel key={mark.site.id} label={mark.label} kind={mark.state} />)}
      {drawn.cameras.map((mark) => mark.label && <MapLabel key={mark.key} label={mark.label} kind="of-camera" />)}
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

export function SpainMap({ live, pick }: { live: Live; pick: Pick }) {
  const [follow, width] = useWidth<HTMLDivElement>();
  const on = useMemo(() => (width > 0 ? ground(width) : null), [width]);
  const drawn = useMemo(() => (on ? scene(on, live.sites, live.flows) : null), [on, live]);
  return (
    <section class="card map-card" aria-labelledby="map-title">
      <h2 id="map-title">Sites and cameras</h2>
      <div ref={follow} class="map-frame">{on && drawn && <Drawing on={on} drawn={drawn} pick={pick} />}</div>
      <Key />
      {drawn !== null && drawn.unseen > 0 && <p class="note">{drawn.unseen} of them lie outside this map; the tables have them all.</p>}
    </section>
  );
}
