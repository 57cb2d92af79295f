// The page: what is promised on top, then map, chart and tables.

import { AppsTable } from './apps';
import { CamerasTable, SitesTable } from './tables';
import { LatencyChart } from './chart';
import { SpainMap } from './map';
import { StorageTable } from './storage';
import { usePick } from './pick';
import { useStorage, useWatch } from './live';
import type { Watch } from './live';
import { formatAge, formatRate, totals } from './view';
import type { ComponentChildren } from 'preact';

function Tile({ name, id, alarm, children }: { name: string; id: string; alarm?: string; children: ComponentChildren }) {
  return (
    <div class={`tile ${alarm ?? ''}`}>
      <dt>{name}</dt>
      <dd data-tile={id}>{children}</dd>
    </div>
  );
}

const controlWords = { connecting: 'connecting', connected: 'connected', reconnecting: 'switching', away: 'away', refused: 'refused' };

function Header({ watch }: { watch: Watch }) {
  const sums = watch.live && totals(watch.live);
  return (
    <header>
      <div class="brand">
        <h1>Barrio</h1>
        <p>Edge compute across Spain, live</p>
        {watch.member && <p data-cell="member">{watch.member}</p>}
      </div>
      <dl class="tiles">
        <Tile name="Sites active" id="active" alarm={sums && sums.lost > 0 ? 'refused' : ''}>
          {sums ? <>{sums.active}<small> of {sums.sites}{sums.lost > 0 && `, ${sums.lost} lost`}</small></> : '–'}
        </Tile>
        <Tile name="Requests answered" id="answered">{sums ? <>{formatRate(sums.answeredPerSecond)}<small> per s</small></> : '–'}</Tile>
        <Tile name="Late" id="late" alarm={sums && sums.late > 0 ? 'late' : ''}>{sums ? <>{sums.late}<small> in 10 s</small></> : '–'}</Tile>
        <Tile name="Refused" id="refused" alarm={sums && sums.refused > 0 ? 'refused' : ''}>{sums ? <>{sums.refused}<small> in 10 s</small></> : '–'}</Tile>
        <Tile name="Snapshot" id="snapshot">{watch.live ? <><small>version </small>{watch.live.snapshotVersion}</> : '–'}</Tile>
        <Tile name="Control" id="control" alarm={watch.control === 'connected' || watch.control === 'connecting' ? '' : 'late'}>
          <span class={`link ${watch.control}`}>{controlWords[watch.control]}</span>
        </Tile>
      </dl>
    </header>
  );
}

/** The words stay the same while control is away, so that a screen reader says them once; the age is beside them. */
function Banner({ watch }: { watch: Watch }) {
  const words =
    watch.control === 'away' && watch.live ? 'Control is away: sites keep serving; showing the last view'
    : watch.control === 'away' ? 'Control does not answer yet; asking again'
    : watch.control === 'refused' ? `Control gives no view: ${watch.reason}`
    : '';
  return (
    <>
      <p class={words ? 'banner' : 'hidden'} role="status">
        {words}
        {words && watch.live && <span aria-hidden="true" class="age">{formatAge(watch.ageSeconds)} old</span>}
      </p>
    </>
  );
}

export function App() {
  const watch = useWatch();
  const storage = useStorage(watch.origin);
  const pick = usePick();
  const { live } = watch;
  return (
    <div class={watch.control === 'connected' ? 'page' : 'page stale'}>
      <Header watch={watch} />
      <Banner watch={watch} />
      {live ? (
        <main>
          <SpainMap sites={live.sites} cameras={watch.cameras} pick={pick} />
          <LatencyChart history={watch.history} pick={pick} />
          <SitesTable live={live} />
          <AppsTable live={live} />
          <CamerasTable live={live} cameras={watch.cameras} pick={pick} />
          <StorageTable known={storage} live={live} />
        </main>
      ) : (
        <main class="waiting"><p>{watch.control === 'connecting' ? 'Asking control for the live view …' : 'Nothing to show yet.'}</p></main>
      )}
      <footer>
        {live && <span>View of {live.time}. </span>}
        Map: © Instituto Geográfico Nacional de España, CC BY 4.0. <a href="assets/licenses.txt">Licences</a>
      </footer>
    </div>
  );
}
