// The page's heartbeat: asks control each second, keeps the last view while it is away, and remembers five minutes.

import { useEffect, useRef, useState } from 'preact/hooks';
import { askLive, askStorage } from './api';
import type { Live, Storage } from './api';
import { camerasOf } from './cameras';
import type { Camera } from './cameras';
import { emptyHistory, extend } from './history';
import type { History } from './history';

const periodMs = 1000;
const timeoutMs = 3000;
const storagePeriodMs = 5000;

export type ControlState = 'connecting' | 'connected' | 'away' | 'refused';

export interface Watch {
  control: ControlState;
  reason: string; // why control gives no view, when it is refused
  live: Live | null; // the last one
  cameras: Camera[]; // of that view
  ageSeconds: number; // of that view
  history: History;
}

const nothingYet: Watch = { control: 'connecting', reason: '', live: null, cameras: [], ageSeconds: 0, history: emptyHistory };

export function useWatch(): Watch {
  const [watch, setWatch] = useState<Watch>(nothingYet);
  const receivedAt = useRef(performance.now());

  useEffect(() => {
    let asking = false;
    let stopped = false;
    const age = () => (performance.now() - receivedAt.current) / 1000;

    async function ask(): Promise<void> {
      asking = true;
      const answer = await askLive(timeoutMs);
      asking = false;
      if (stopped) return;
      const now = Date.now() / 1000;
      if (answer.kind === 'given') {
        receivedAt.current = performance.now();
        const live = answer.view;
        const cameras = camerasOf(live.flows);
        setWatch((old) => ({ control: 'connected', reason: '', live, cameras, ageSeconds: 0, history: extend(old.history, now, cameras) }));
        return;
      }
      const reason = answer.kind === 'refused' ? answer.reason : '';
      setWatch((old) => ({ ...old, control: answer.kind, reason, ageSeconds: age(), history: extend(old.history, now, []) }));
    }

    function beat(): void {
      if (asking) setWatch((old) => ({ ...old, ageSeconds: age() }));
      else void ask();
    }
    beat();
    const timer = setInterval(beat, periodMs);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, []);
  return watch;
}

/** What all tenants store: it changes seldom. Null: not told yet. What was told last stays while control is away. */
export function useStorage(): Storage[] | null {
  const [storage, setStorage] = useState<Storage[] | null>(null);
  useEffect(() => {
    let asking = false;
    let stopped = false;
    async function beat(): Promise<void> {
      if (asking) return;
      asking = true;
      const answer = await askStorage(timeoutMs);
      asking = false;
      if (!stopped && answer.kind === 'given') setStorage(answer.view);
    }
    void beat();
    const timer = setInterval(() => void beat(), storagePeriodMs);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, []);
  return storage;
}

/** The width of an element in pixels, followed as it changes. */
export function useWidth<E extends Element>(): [(element: E | null) => void, number] {
  const [width, setWidth] = useState(0);
  const observer = useRef<ResizeObserver | null>(null);
  const follow = useRef((element: E | null) => {
    observer.current?.disconnect();
    if (!element) return;
    observer.current = new ResizeObserver((entries) => {
      const next = Math.floor(entries[0]?.contentRect.width ?? 0);
      if (next > 0) setWidth(next);
    });
    observer.current.observe(element);
  });
  return [follow.current, width];
}

/** True while the media query holds. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const follow = () => setHolds(list.matches);
    list.addEventListener('change', follow);
    return () => list.removeEventListener('change', follow);
  }, [query]);
  return holds;
}
