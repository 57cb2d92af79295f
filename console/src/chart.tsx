// The live chart: p99 of the total time per camera over the last five minutes.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { History, Series } from './history';
import { historySeconds, spanWords } from './history';
import { useMedia, useWidth } from './live';
import type { Pick } from './pick';
import { formatMs } from './view';

const hues = [195, 25, 265, 140, 340, 48, 220, 0, 165, 300, 85, 240];
const shortestSpan = 60;

/** Twelve hues, then the same twelve with dashed lines. */
export function strokeOf(slot: number, dark: boolean): { colour: string; dash: number[] } {
  const hue = hues[slot % hues.length]!;
  const warm = hue > 30 && hue < 100;
  const lightness = dark ? 68 : warm ? 32 : 40;
  return { colour: `hsl(${hue} ${dark ? 62 : 68}% ${lightness}%)`, dash: slot < hues.length ? [] : [6, 3] };
}

function range(times: readonly number[]): [number, number] {
  const now = times[times.length - 1] ?? 0;
  return [Math.max(now - historySeconds, Math.min(times[0] ?? now, now - shortestSpan)), now];
}

function table(history: History): uPlot.AlignedData {
  return [history.times, ...history.series.map((series) => series.values)] as uPlot.AlignedData;
}

interface Look {
  dark: boolean;
  ink: string;
  grid: string;
}

function options(width: number, series: readonly Series[], look: Look, onCursor: (index: number | null) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: look.ink,
    font: '12px system-ui, sans-serif',
    grid: { stroke: look.grid, width: 1 },
    ticks: { stroke: look.grid, width: 1, size: 4 },
  };
  return {
    width,
    height: 184,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    focus: { alpha: 0.2 },
    scales: {
      x: { time: true, range: (u) => range(u.data[0] as number[]) },
      y: { range: (_u, _min, max) => [0, Math.max(10, (max ?? 0) * 1.1)] },
    },
    axes: [
      { ...axis, space: 70, size: 28, values: [[1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1]] },
      { ...axis, size: 44, space: 36 },
    ],
    series: [
      {},
      ...series.map((one): uPlot.Series => {
        const { colour, dash } = strokeOf(one.slot, look.dark);
        return { label: one.place, stroke: colour, dash, width: 1.5, points: { show: false } };
      }),
    ],
    hooks: { setCursor: [(u) => onCursor(u.cursor.idx ?? null)] },
  };
}

/** Draws on a canvas that uPlot owns; made anew only when the lines, the width or the colours change. */
function usePlot(history: History, pick: Pick, dark: boolean, onCursor: (index: number | null) => void) {
  const [follow, width] = useWidth<HTMLDivElement>();
  const frame = useRef<HTMLDivElement | null>(null);
  const plot = useRef<uPlot | null>(null);
  const lines = history.series.map((series) => `${series.key}#${series.slot}`).join('\n');

  useEffect(() => {
    if (!frame.current || width === 0) return;
    const style = getComputedStyle(frame.current);
    const look = { dark, ink: style.getPropertyValue('--soft').trim(), grid: style.getPropertyValue('--hair').trim() };
    plot.current = new uPlot(options(width, history.series, look, onCursor), table(history), frame.current);
    return () => {
      plot.current?.destroy();
      plot.current = null;
    };
  }, [width, dark, lines]);
  useEffect(() => plot.current?.setData(table(history)), [history]);
  useEffect(() => {
    const index = history.series.findIndex((series) => series.key === pick.shown);
    plot.current?.setSeries(index < 0 ? null : index + 1, { focus: index >= 0 });
  }, [pick.shown, lines, width, dark]);

  return (element: HTMLDivElement | null) => {
    frame.current = element;
    follow(element);
  };
}

function Legend({ history, at, pick, dark }: { history: History; at: number; pick: Pick; dark: boolean }) {
  const ambiguous = (place: string) => history.series.filter((series) => series.place === place).length > 1;
  const sorted = [...history.series].sort((a, b) => a.place.localeCompare(b.place, 'es') || a.key.localeCompare(b.key));
  return (
    <ul class="legend" aria-label="Cameras in the chart, p99 in milliseconds">
      {sorted.map((series) => {
        const { colour, dash } = strokeOf(series.slot, dark);
        const value = series.values[at];
        return (
          <li key={series.key}>
            <button
              type="button"
              class={`plain${pick.shown === series.key ? ' shown' : ''}`}
              aria-pressed={pick.chosen === series.key}
              title={`${series.place}, ${series.app}`}
              onClick={() => pick.toggle(series.key)}
              onMouseEnter={() => pick.hover(series.key)}
              onMouseLeave={() => pick.hover(null)}
            >
              <svg width="16" height="8" aria-hidden="true"><path d="M0 4H16" stroke={colour} stroke-width="3" stroke-dasharray={dash.join(' ')} /></svg>
              <span class="name">{series.place}{ambiguous(series.place) && <span class="id"> {series.app}</span>}</span>
              <span class="figure">{typeof value === 'number' ? formatMs(value) : '–'}</span>
            </button>
          </li>
        );
      })}
    </ul>
  );
}

export function LatencyChart({ history, pick }: { history: History; pick: Pick }) {
  const dark = useMedia('(prefers-color-scheme: dark)');
  const [cursor, setCursor] = useState<number | null>(null);
  const frame = usePlot(history, pick, dark, setCursor);
  const last = history.times.length - 1;
  const at = cursor === null ? last : Math.min(cursor, last);
  return (
    <section class="card chart-card" aria-labelledby="chart-title">
      <h2 id="chart-title">Total time at p99 <span class="unit" data-cell="span">ms, {spanWords(history)}</span></h2>
      <div ref={frame} class="plot" role="img" aria-label="Line chart of the p99 total time per camera; the list below gives the present figures." />
      <Legend history={history} at={at} pick={pick} dark={dark} />
    </section>
  );
}
