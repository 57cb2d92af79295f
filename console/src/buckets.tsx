// Where tenants' objects are kept: one row per bucket.

import type { Bucket, Buckets, Live } from './api';
import { FittingTable, useFirst } from './more';
import { Place, citiesOf } from './tables';
import type { Cities } from './tables';
import { byNeed, formatBytes, lacksCopies, policyWords } from './view';

const mostRows = 20;

function BucketRow({ bucket, cities }: { bucket: Bucket; cities: Cities }) {
  const lacks = lacksCopies(bucket);
  return (
    <tr data-bucket={bucket.name}>
      <th scope="row" class="head">{bucket.name}</th>
      <td data-label="Tenant">{bucket.tenant}</td>
      <td data-label="Home" data-cell="home"><Place id={bucket.home} cities={cities} /></td>
      <td data-label="Copies at" data-cell="followers">
        {bucket.followers.length === 0 && '–'}
        {bucket.followers.map((one) => (
          <span key={one.site} class="copy"><Place id={one.site} cities={cities} />{one.joining && <span class="joining"> joining</span>}</span>
        ))}
      </td>
      <td data-label="Complete"><span class={`state ${lacks ? 'late' : 'on-time'}`} data-cell="copies">{1 + bucket.followers.filter((one) => !one.joining).length} of {bucket.copies}</span></td>
      <td data-label="Policy" class="wide" data-cell="policy">{policyWords(bucket.policy)} <span class="id">version {bucket.policyVersion}</span></td>
      <td data-label="Objects" class="figure" data-cell="objects">{bucket.objects ?? '?'}</td>
      <td data-label="Bytes" class="figure" data-cell="bytes">{bucket.bytes === null ? '?' : formatBytes(bucket.bytes)}</td>
    </tr>
  );
}

export function BucketsTable({ known, live }: { known: Buckets | null; live: Live }) {
  const cities = citiesOf(live);
  const [shown, more] = useFirst(byNeed(known?.buckets ?? []), mostRows);
  const empty = known ? 'No tenant has made a bucket.' : 'Not told yet.';
  return (
    <section class="card buckets-card" aria-labelledby="buckets-title">
      <h2 id="buckets-title">Buckets</h2>
      <p class="note">Where tenants' objects are kept, and may be. {known?.more && `The first ${known.buckets.length}; "barrio bucket list" shows all.`}</p>
      <FittingTable name="buckets" need={900}>
        <thead>
          <tr>
            <th scope="col">Bucket</th>
            <th scope="col">Tenant</th>
            <th scope="col">Home</th>
            <th scope="col">Copies at</th>
            <th scope="col">Complete</th>
            <th scope="col">Policy</th>
            <th scope="col" class="figure">Objects</th>
            <th scope="col" class="figure">Bytes</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((bucket) => <BucketRow key={bucket.name} bucket={bucket} cities={cities} />)}
          {!known?.buckets.length && <tr><td colSpan={8} class="empty">{empty}</td></tr>}
        </tbody>
      </FittingTable>
      {more}
    </section>
  );
}
