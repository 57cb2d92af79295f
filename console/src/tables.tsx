// The same as the map in figures: one row per camera, one per site.

import { useState } from 'preact/hooks';
import type { Flow, LatencyPair, Live, Site } from './api';
import { flowKey } from './cameras';
import type { Camera } from './cameras';
import { FittingTable, useFirst } from './more';
import type { Pick } from './pick';
import { refusalWords } from './refusals';
import { answeredPerSecond } from './sums';
import type { Together } from './sums';
import { bySiteState, extent, flowState, flowWords, formatAccess, formatMs, formatPower, formatRate, nearlyFull, powerShare, siteState } from './view';

const mostCameras = 50;
const mostSites = 24;

export type Cities = Map<string, string>;
type Times = Omit<Together, 'answered' | 'answeredPerSecond' | 'late' | 'refused' | 'refusals'>;
type Counts = Times & { answered: number; late: number; refused: number };

function Figures({ pair, of, blank }: { pair: LatencyPair; of: string; blank: boolean }) {
  const kind = of === 'total' ? '' : ' part-time';
  const name = of === 'total' ? '' : `${of} `;
  return (
    <>
      <td data-label={`${name}p50 ms`} class={`figure first${kind}`} data-cell={`${of}-p50`}>{blank ? '–' : formatMs(pair.p50)}</td>
      <td data-label={`${name}p99 ms`} class={`figure${kind}`} data-cell={`${of}-p99`}>{blank ? '–' : formatMs(pair.p99)}</td>
    </>
  );
}

/** Where the median request spends its time; full width is the slowest camera's. */
function TimeBar({ times, slowest }: { times: Times; slowest: number }) {
  const parts: [string, number][] = [['network', times.network.p50], ['queue', times.queue.p50], ['compute', times.compute.p50]];
  let x = 0;
  return (
    <svg class="time-bar" width="100" height="10" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
      {parts.map(([name, ms]) => {
        const width = slowest > 0 ? (ms / slowest) * 100 : 0;
        x += width;
        return <rect key={name} class={name} x={x - width} y={0} width={Math.max(0, width)} height={10} />;
      })}
    </svg>
  );
}

export function Place({ id, cities }: { id: string; cities: Cities }) {
  return <>{cities.get(id) ?? ''} <span class="id">{id}</span></>;
}

/** The cells from the times on, which a camera and its gateways have alike. */
function CountCells({ counts, perSecond, slowest }: { counts: Counts; perSecond: number; slowest: number }) {
  const blank = counts.answered === 0;
  return (
    <>
      <Figures pair={counts.network} of="network" blank={blank} />
      <Figures pair={counts.queue} of="queue" blank={blank} />
      <Figures pair={counts.compute} of="compute" blank={blank} />
      <Figures pair={counts.total} of="total" blank={blank} />
      <td class="bar">{!blank && <TimeBar times={counts} slowest={slowest} />}</td>
      <td data-label="Per s" class="figure" data-cell="answered">{formatRate(perSecond)}</td>
      <td data-label="Late" class={`figure ${counts.late > 0 ? 'late' : ''}`} data-cell="late">{counts.late}</td>
      <td data-label="Refused" class={`figure ${counts.refused > 0 ? 'refused' : ''}`} data-cell="refused">{counts.refused}</td>
    </>
  );
}

/** What one gateway says of a camera. */
function GatewayRow({ flow, slowest, cities }: { flow: Flow; slowest: number; cities: Cities }) {
  const state = flowState(flow);
  return (
    <tr class="gateway" data-gateway={flowKey(flow)}>
      <th scope="row" class="head">entered at <Place id={flow.entered} cities={cities} /></th>
      <td class="status"><span class={`state ${state}`}>{flowWords[state]}</span></td>
      <td class="access">{formatAccess(flow.access)}</td>
      <td class="app" />
      <td class="served" data-cell="served">{flow.servedBy ? <Place id={flow.servedBy} cities={cities} /> : 'nobody'}</td>
      <CountCells counts={flow} perSecond={answeredPerSecond(flow)} slowest={slowest} />
    </tr>
  );
}

function Served({ camera, cities, open, toggle }: { camera: Camera; cities: Cities; open: boolean; toggle: () => void }) {
  const { servedBy, others, flows } = camera;
  const more = others.length > 0 ? `+${others.length} ${others.length === 1 ? 'other' : 'others'}` : `${flows.length} gateways`;
  return (
    <td class="served" data-cell="served">
      <span class="prefix">by </span>
      {servedBy ? <Place id={servedBy} cities={cities} /> : 'nobody'}
      {flows.length > 1 && (
        <button type="button" class="plain open" aria-expanded={open} title="What each gateway says that its devices enter by" onClick={toggle} data-cell="others">
          {more}
        </button>
      )}
    </td>
  );
}

function CameraRows({ camera, slowest, cities, pick }: { camera: Camera; slowest: number; cities: Cities; pick: Pick }) {
  const [open, setOpen] = useState(false);
  const state = flowState(camera);
  const { key, refused } = camera;
  const chosen = pick.chosen === key;
  return (
    <tbody
      class={`${pick.shown === key ? 'shown' : ''}${chosen ? ' chosen' : ''}`}
      data-camera={key}
      onMouseEnter={() => pick.hover(key)}
      onMouseLeave={() => pick.hover(null)}
    >
      <tr class="camera-row">
        <th scope="row" class="head">
          <button type="button" class="plain" aria-pressed={chosen} onClick={() => pick.toggle(key)} data-cell="place">{camera.place}</button>
        </th>
        <td class="status"><span class={`state ${state}`}>{flowWords[state]}</span></td>
        <td class="access">{camera.access}</td>
        <td class="app" data-cell="app">{camera.app}</td>
        <Served camera={camera} cities={cities} open={open} toggle={() => setOpen(!open)} />
        <CountCells counts={camera} perSecond={camera.answeredPerSecond} slowest={slowest} />
      </tr>
      {refused > 0 && <tr class="why"><td colSpan={17}><p data-cell="refusal">Refused, {refusalWords(camera.refusals)}</p></td></tr>}
      {open && camera.flows.map((flow) => <GatewayRow key={flowKey(flow)} flow={flow} slowest={slowest} cities={cities} />)}
    </tbody>
  );
}

export const citiesOf = (live: Live): Cities => new Map(live.sites.map((site) => [site.id, site.city]));

export function CamerasTable({ live, cameras, pick }: { live: Live; cameras: Camera[]; pick: Pick }) {
  const slowest = Math.max(0, ...live.flows.map((flow) => flow.network.p50 + flow.queue.p50 + flow.compute.p50));
  const cities = citiesOf(live);
  const [shown, more] = useFirst(cameras, mostCameras);
  return (
    <section class="card cameras-card" aria-labelledby="cameras-title">
      <h2 id="cameras-title">Cameras</h2>
      <p class="note">
        Devices of an app in one place: milliseconds and counts of the last seconds, 10 at most; p99 is that of the worst gateway. Bars: the median
        request's <span class="swatch network">network</span> <span class="swatch queue">queue</span> <span class="swatch compute">compute</span> time.
        <span class="on-cards"> A camera that you touch shows these, too.</span>
      </p>
      <FittingTable name="cameras" need={1040}>
        <thead>
          <tr>
            <th scope="col" rowSpan={2}>Camera</th>
            <th scope="col" rowSpan={2}>State</th>
            <th scope="col" rowSpan={2}>Access</th>
            <th scope="col" rowSpan={2}>App</th>
            <th scope="col" rowSpan={2}>Served by</th>
            {['Network', 'Queue', 'Compute', 'Total'].map((name) => <th key={name} scope="colgroup" colSpan={2} class="group">{name}</th>)}
            <th rowSpan={2}><span class="hidden">Share of time</span></th>
            <th scope="col" rowSpan={2} class="figure">Answered<br />per s</th>
            <th scope="col" rowSpan={2} class="figure">Late</th>
            <th scope="col" rowSpan={2} class="figure">Refused</th>
          </tr>
          <tr>
            {['network', 'queue', 'compute', 'total'].map((name) => [
              <th key={`${name}50`} scope="col" class="figure first">p50</th>,
              <th key={`${name}99`} scope="col" class="figure">p99</th>,
            ])}
          </tr>
        </thead>
        {shown.map((camera) => <CameraRows key={camera.key} camera={camera} slowest={slowest} cities={cities} pick={pick} />)}
        {cameras.length === 0 && <tbody><tr><td colSpan={17} class="empty">No camera has sent a request in the last seconds.</td></tr></tbody>}
      </FittingTable>
      {more}
    </section>
  );
}

/** What a lost site means, and how it is brought back. */
function LostRow({ site }: { site: Site }) {
  return (
    <tr class="why">
      <td colSpan={4}>
        <p data-cell="lost">
          Lost: control does not hear from it, so its process has ended or it is cut off. Requests go to other sites that their policies permit. It comes
          back by itself once it is heard again; a process that has ended is started with <code>barrio site serve --config</code> and {site.id}'s file.
        </p>
      </td>
    </tr>
  );
}

function SiteRow({ site }: { site: Site }) {
  const state = siteState(site);
  const share = powerShare(site);
  return (
    <>
      <tr data-site={site.id} class={state}>
        <th scope="row">{site.city} <span class="id">{site.id}</span></th>
        <td><span class={`state ${state}`} data-cell="state">{state}</span></td>
        <td class="power">
          <svg class="power-bar" width="56" height="8" aria-hidden="true">
            <rect class="track" width="56" height="8" rx="2" />
            <rect class={share > nearlyFull ? 'used near' : 'used'} width={extent(share, 56).toFixed(1)} height="8" rx="2" />
          </svg>
          <span class="figure" data-cell="power">{formatPower(site)}</span>
        </td>
        <td class="figure" data-cell="replicas">{site.replicas > 0 ? `${site.replicasReady} of ${site.replicas}` : '–'}</td>
      </tr>
      {state === 'lost' && <LostRow site={site} />}
    </>
  );
}

export function SitesTable({ live }: { live: Live }) {
  const [shown, more] = useFirst(bySiteState(live.sites), mostSites);
  return (
    <section class="card sites-card" aria-labelledby="sites-title">
      <h2 id="sites-title">Sites</h2>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="sites-title">
        <table class="sites">
          <thead>
            <tr>
              <th scope="col">City</th>
              <th scope="col">Status</th>
              <th scope="col">Power used / budget</th>
              <th scope="col" class="figure">Replicas ready</th>
            </tr>
          </thead>
          <tbody>{shown.map((site) => <SiteRow key={site.id} site={site} />)}</tbody>
        </table>
      </div>
      {more}
    </section>
  );
}
