// The page's heartbeat: asks control each second, keeps the last view while it is away, and remembers five minutes. A member
// of control that is away is followed by the next one (members.ts).

import { useEffect, useRef, useState } from 'preact/hooks';
import { askConsoles, askLive, askStorage } from './api';
import type { Live, Storage } from './api';
import { camerasOf } from './cameras';
import type { Camera } from './cameras';
import { emptyHistory, extend } from './history';
import type { History } from './history';
import { answered, asked, atHome, memberWords, told, unanswered, waitMs } from './members';

const periodMs = 1000;
const timeoutMs = 3000;
const storagePeriodMs = 5000;
const consolesPeriodMs = 60_000;

export type ControlState = 'connecting' | 'connected' | 'reconnecting' | 'away' | 'refused';

export interface Watch {
  control: ControlState;
  reason: string; // why control gives no view, when it is refused
  member: string; // which one answers, or is asked; empty: there is but one
  origin: string; // its; empty: where this page came from
  live: Live | null; // the last one
  cameras: Camera[]; // of that view
  ageSeconds: number; // of that view
  history: History;
}

const nothingYet: Watch = {
  control: 'connecting', reason: '', member: '', origin: '', live: null, cameras: [], ageSeconds: 0, history: emptyHistory,
};

export function useWatch(): Watch {
  const [watch, setWatch] = useState<Watch>(nothingYet);
  const receivedAt = useRef(performance.now());

  useEffect(() => {
    let asking = atHome;
    let busy = false;
    let stopped = false;
    let notBefore = 0;
    let toldAt = -consolesPeriodMs;
    const age = () => (performance.now() - receivedAt.current) / 1000;
    const said = () => ({ member: memberWords(asking), origin: asked(asking).origin });

    /** One question, and more at once while other members have yet to be asked. */
    async function ask(): Promise<void> {
      const answer = await askLive(asked(asking).origin, timeoutMs);
      if (stopped) return;
      if (answer.kind === 'given') {
        asking = answered(asking);
        receivedAt.current = performance.now();
        const live = answer.view;
        const cameras = camerasOf(live.flows);
        const now = Date.now() / 1000;
        setWatch((old) => ({ control: 'connected', reason: '', ...said(), live, cameras, ageSeconds: 0, history: extend(old.history, now, cameras) }));
        if (performance.now() - toldAt >= consolesPeriodMs) await hearOfMembers();
        return;
      }
      if (answer.kind === 'away') {
        asking = unanswered(asking);
        toldAt = -consolesPeriodMs; // whoever answers next says who they are
        notBefore = performance.now() + waitMs(asking);
      }
      const others = answer.kind === 'away' && asking.failed < asking.members.length;
      const control = others ? 'reconnecting' : answer.kind;
      const reason = answer.kind === 'refused' ? answer.reason : '';
      const now = Date.now() / 1000;
      setWatch((old) => ({ ...old, control, reason, ...said(), ageSeconds: age(), history: extend(old.history, now, []) }));
      if (answer.kind === 'away' && waitMs(asking) === 0) await ask();
    }

    async function hearOfMembers(): Promise<void> {
      const answer = await askConsoles(asked(asking).origin, timeoutMs);
      if (stopped || answer.kind === 'away') return;
      toldAt = performance.now();
      if (answer.kind === 'given') asking = told(asking, answer.view);
      setWatch((old) => ({ ...old, ...said() }));
    }

    async function beat(): Promise<void> {
      if (busy || performance.now() < notBefore) return setWatch((old) => ({ ...old, ageSeconds: age() }));
      busy = true;
      await ask();
      busy = false;
    }
    void beat();
    const timer = setInterval(() => void beat(), periodMs);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, []);
  return watch;
}

/** What all tenants store, as the member at `origin` says: it changes seldom. Null: not told yet. What was told last stays while control is away. */
export function useStorage(origin: string): Storage[] | null {
  const [storage, setStorage] = useState<Storage[] | null>(null);
  useEffect(() => {
    let asking = false;
    let stopped = false;
    async function beat(): Promise<void> {
      if (asking) return;
      asking = true;
      const answer = await askStorage(origin, timeoutMs);
      asking = false;
      if (!stopped && answer.kind === 'given') setStorage(answer.view);
    }
    void beat();
    const timer = setInterval(() => void beat(), storagePeriodMs);
    return () => {
      stopped = true;
      clearInterval(timer);
    };
  }, [origin]);
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
