// Apps: what they promise, what there is of them, and how they do. One row per app.

import type { App, Flow, Live } from './api';
import { FittingTable, useFirst } from './more';
import { refusalWords } from './refusals';
import { together } from './sums';
import { formatMs, formatRate, objectiveWords, spanish } from './view';

const mostRows = 20;
const mostSites = 2; // that are named

function SitesCell({ app }: { app: App }) {
  const sites = [...app.sites].sort();
  const rest = sites.length - mostSites;
  if (sites.length === 0) return <>–</>;
  if (rest <= 1) return <span class="id">{sites.join(' ')}</span>;
  return (
    <details>
      <summary><span class="id">{sites.slice(0, mostSites).join(' ')}</span> +{rest}</summary>
      <span class="id">{sites.slice(mostSites).join(' ')}</span>
    </details>
  );
}

/** Why it has no replica; else why some of its requests were refused. */
function why(app: App, refusals: readonly string[]): string {
  if (app.refusal) return `Placed nowhere: ${app.refusal.detail}.${app.refusal.nearest && ` What would work: ${app.refusal.nearest}.`}`;
  return refusals.length > 0 ? `Refused, ${refusalWords(refusals)}` : '';
}

function AppRow({ app, flows }: { app: App; flows: readonly Flow[] }) {
  const [tenant = '', name = ''] = app.app.split('/');
  const sums = together(flows);
  const blank = sums.answered === 0;
  const reason = why(app, sums.refusals);
  const short = app.replicasReady < app.replicas;
  return (
    <tbody data-app={app.app}>
      <tr>
        <th scope="row" class="head">{name} <span class="id">{tenant}</span></th>
        <td class="ready" data-label="Replicas ready" data-cell="replicas">
          {app.replicas === 0 && app.replicasReady === 0 ? 'none while nobody asks' : <span class={`state ${short ? 'late' : 'on-time'}`}>{app.replicasReady} of {app.replicas}</span>}
        </td>
        <td class="objective" data-label="Objective" data-cell="objective">{objectiveWords(app)}</td>
        <td class="wide" data-label="Sites" data-cell="sites"><SitesCell app={app} /></td>
        <td data-label="p50 ms" class="figure" data-cell="p50">{blank ? '–' : formatMs(sums.total.p50)}</td>
        <td data-label="p99 ms" class={`figure ${sums.total.p99 > app.objectiveMs ? 'late' : ''}`} data-cell="p99">{blank ? '–' : formatMs(sums.total.p99)}</td>
        <td data-label="Per s" class="figure" data-cell="answered">{formatRate(sums.answeredPerSecond)}</td>
        <td data-label="Late" class={`figure ${sums.late > 0 ? 'late' : ''}`} data-cell="late">{sums.late}</td>
        <td data-label="Refused" class={`figure ${sums.refused > 0 ? 'refused' : ''}`} data-cell="refused">{sums.refused}</td>
      </tr>
      {reason && <tr class="why"><td colSpan={9}><p data-cell="refusal">{reason}</p></td></tr>}
    </tbody>
  );
}

export function AppsTable({ live }: { live: Live }) {
  const sorted = [...live.apps].sort((a, b) => spanish.compare(a.app, b.app));
  const [shown, more] = useFirst(sorted, mostRows);
  const flowsOf = new Map<string, Flow[]>(live.apps.map((app) => [app.app, []]));
  for (const flow of live.flows) flowsOf.get(flow.app)?.push(flow);
  return (
    <section class="card apps-card" aria-labelledby="apps-title">
      <h2 id="apps-title">Apps</h2>
      <p class="note">What tenants deployed: replicas ready, requests answered per second, their total time against the objective (p99: the worst place's).</p>
      <FittingTable name="apps" need={700}>
        <thead>
          <tr>
            <th scope="col">App <span class="id">tenant</span></th>
            <th scope="col">Ready</th>
            <th scope="col">Objective</th>
            <th scope="col">Sites</th>
            <th scope="col" class="figure">p50 ms</th>
            <th scope="col" class="figure">p99 ms</th>
            <th scope="col" class="figure">Per s</th>
            <th scope="col" class="figure">Late</th>
            <th scope="col" class="figure">Refused</th>
          </tr>
        </thead>
        {shown.map((app) => <AppRow key={app.app} app={app} flows={flowsOf.get(app.app)!} />)}
        {live.apps.length === 0 && <tbody><tr><td colSpan={9} class="empty">No tenant has deployed an app.</td></tr></tbody>}
      </FittingTable>
      {more}
    </section>
  );
}
