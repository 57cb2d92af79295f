// Tables that are too wide or too long: as cards where the width is short, with the first rows only where there are many.

import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { useWidth } from './live';

/** A table; in less than `need` pixels each of its rows is a card, and nothing lies to the side. */
export function FittingTable({ name, need, children }: { name: string; need: number; children: ComponentChildren }) {
  const [follow, width] = useWidth<HTMLDivElement>();
  return (
    <div ref={follow} class="scroll" tabIndex={0} role="region" aria-labelledby={`${name}-title`}>
      <table class={`${name}${width > 0 && width < need ? ' cards' : ''}`}>{children}</table>
    </div>
  );
}

/** The rows to show, and what goes below them: nothing where these are all. */
export function useFirst<T>(rows: readonly T[], most: number): [readonly T[], ComponentChildren] {
  const [all, setAll] = useState(false);
  if (rows.length <= most) return [rows, null];
  return [
    all ? rows : rows.slice(0, most),
    <button type="button" class="plain more" aria-expanded={all} onClick={() => setAll(!all)}>
      {all ? `Show the first ${most} only` : `Show all ${rows.length}: ${rows.length - most} more`}
    </button>,
  ];
}
