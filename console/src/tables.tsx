// The same as the map in figures: one row per flow, one per site.

import type { Flow, LatencyPair, Live, Site } from './api';
import type { Pick } from './pick';
import { bySiteState, byPlace, cameraKey, extent, flowKey, flowState, flowWords, formatAccess, formatMs, formatPower, nearlyFull, powerShare, siteState } from './view';

function Figures({ pair, of, blank }: { pair: LatencyPair; of: string; blank: boolean }) {
  return (
    <>
      <td class="figure first" data-cell={`${of}-p50`}>{blank ? '–' : formatMs(pair.p50)}</td>
      <td class="figure" data-cell={`${of}-p99`}>{blank ? '–' : formatMs(pair.p99)}</td>
    </>
  );
}

/** Where the median request spends its time; full width is the slowest camera's. */
function TimeBar({ flow, slowest }: { flow: Flow; slowest: number }) {
  const parts: [string, number][] = [['network', flow.network.p50], ['queue', flow.queue.p50], ['compute', flow.compute.p50]];
  let x = 0;
  return (
    <svg class="time-bar" width="100" height="10" aria-hidden="true">
      {parts.map(([name, ms]) => {
        const width = slowest > 0 ? (ms / slowest) * 100 : 0;
        x += width;
        return <rect key={name} class={name} x={x - width} y={0} width={Math.max(0, width)} height={10} />;
      })}
    </svg>
  );
}

function FlowRow({ flow, slowest, cities, pick }: { flow: Flow; slowest: number; cities: Map<string, string>; pick: Pick }) {
  const state = flowState(flow);
  const camera = cameraKey(flow);
  const blank = flow.answered === 0;
  const refused = flow.refused > 0;
  return (
    <tbody
      class={pick.shown === camera ? 'shown' : ''}
      data-flow={flowKey(flow)}
      onMouseEnter={() => pick.hover(camera)}
      onMouseLeave={() => pick.hover(null)}
    >
      <tr>
        <th scope="row">
          <button type="button" class="plain" aria-pressed={pick.chosen === camera} onClick={() => pick.toggle(camera)} data-cell="place">
            {flow.place}
          </button>
        </th>
        <td><span class={`state ${state}`}>{flowWords[state]}</span></td>
        <td>{formatAccess(flow.access)}</td>
        <td>{flow.app}</td>
        <td data-cell="served">
          {flow.servedBy ? <>{cities.get(flow.servedBy) ?? ''} <span class="id">{flow.servedBy}</span></> : 'nobody'}
        </td>
        <Figures pair={flow.network} of="network" blank={blank} />
        <Figures pair={flow.queue} of="queue" blank={blank} />
        <Figures pair={flow.compute} of="compute" blank={blank} />
        <Figures pair={flow.total} of="total" blank={blank} />
        <td class="bar">{!blank && <TimeBar flow={flow} slowest={slowest} />}</td>
        <td class="figure" data-cell="answered">{flow.answered}</td>
        <td class={`figure ${flow.late > 0 ? 'late' : ''}`} data-cell="late">{flow.late}</td>
        <td class={`figure ${refused ? 'refused' : ''}`} data-cell="refused" title={refused ? flow.refusal : undefined}>{flow.refused}</td>
      </tr>
      {refused && <tr class="why"><td colSpan={17}><p data-cell="refusal">Refused: {flow.refusal}</p></td></tr>}
    </tbody>
  );
}

export function FlowsTable({ live, pick }: { live: Live; pick: Pick }) {
  const slowest = Math.max(0, ...live.flows.map((flow) => flow.network.p50 + flow.queue.p50 + flow.compute.p50));
  const cities = new Map(live.sites.map((site) => [site.id, site.city]));
  return (
    <section class="card flows-card" aria-labelledby="flows-title">
      <h2 id="flows-title">Cameras</h2>
      <p class="note">
        Milliseconds and counts over the last 10 seconds. Bars: the median request's <span class="swatch network">network</span>{' '}
        <span class="swatch queue">queue</span> <span class="swatch compute">compute</span> time.
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby="flows-title">
        <table class="flows">
          <thead>
            <tr>
              <th scope="col" rowSpan={2}>Camera</th>
              <th scope="col" rowSpan={2}>State</th>
              <th scope="col" rowSpan={2}>Access</th>
              <th scope="col" rowSpan={2}>App</th>
              <th scope="col" rowSpan={2}>Served by</th>
              {['Network', 'Queue', 'Compute', 'Total'].map((name) => <th key={name} scope="colgroup" colSpan={2} class="group">{name}</th>)}
              <th rowSpan={2}><span class="hidden">Share of time</span></th>
              <th scope="col" rowSpan={2} class="figure">Answered</th>
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
          {byPlace(live.flows).map((flow) => <FlowRow key={flowKey(flow)} flow={flow} slowest={slowest} cities={cities} pick={pick} />)}
          {live.flows.length === 0 && <tbody><tr><td colSpan={17} class="empty">No camera has sent a request in the last 10 seconds.</td></tr></tbody>}
        </table>
      </div>
    </section>
  );
}

function SiteRow({ site }: { site: Site }) {
  const state = siteState(site);
  const share = powerShare(site);
  return (
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
      <td class="figure" data-cell="replicas">{site.replicas > 0 ? `${site.replicasReady} / ${site.replicas}` : '–'}</td>
    </tr>
  );
}

export function SitesTable({ live }: { live: Live }) {
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
          <tbody>{bySiteState(live.sites).map((site) => <SiteRow key={site.id} site={site} />)}</tbody>
        </table>
      </div>
    </section>
  );
}
