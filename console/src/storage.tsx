// What tenants' buckets hold: one row per site that is the home of some. Whose they are is not said here: this page is
// open where control says so, and names of buckets are for who has a token.

import type { Live, Storage } from './api';
import { FittingTable } from './more';
import { byNeed, formatBytes } from './view';

function StorageRow({ storage, city }: { storage: Storage; city: string }) {
  const { buckets, incomplete, untold } = storage;
  return (
    <tr data-home={storage.site}>
      <th scope="row" class="head">{city} <span class="id">{storage.site}</span></th>
      <td data-label="Buckets" class="figure" data-cell="buckets">{buckets}</td>
      <td data-label="Complete"><span class={`state ${incomplete > 0 ? 'late' : 'on-time'}`} data-cell="complete">{buckets - incomplete} of {buckets}</span></td>
      <td data-label="Objects" class="figure" data-cell="objects">{untold > 0 && 'at least '}{storage.objects}</td>
      <td data-label="Bytes" class="figure" data-cell="bytes">{untold > 0 && 'at least '}{formatBytes(storage.bytes)}</td>
    </tr>
  );
}

export function StorageTable({ known, live }: { known: Storage[] | null; live: Live }) {
  const cities = new Map(live.sites.map((site) => [site.id, site.city]));
  const empty = known ? 'No tenant has made a bucket.' : 'Not told yet.';
  return (
    <section class="card storage-card" aria-labelledby="storage-title">
      <h2 id="storage-title">Storage</h2>
      <p class="note">What tenants' buckets hold, by the site that is their home. "barrio bucket list" names them.</p>
      <FittingTable name="storage" need={560}>
        <thead>
          <tr>
            <th scope="col">Home</th>
            <th scope="col" class="figure">Buckets</th>
            <th scope="col">All copies complete</th>
            <th scope="col" class="figure">Objects</th>
            <th scope="col" class="figure">Bytes</th>
          </tr>
        </thead>
        <tbody>
          {known && byNeed(known).map((storage) => <StorageRow key={storage.site} storage={storage} city={cities.get(storage.site) ?? ''} />)}
          {!known?.length && <tr><td colSpan={5} class="empty">{empty}</td></tr>}
        </tbody>
      </FittingTable>
    </section>
  );
}
