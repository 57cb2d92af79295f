// Which camera stands out: the one under the pointer, else the one that was chosen. Shared by map, chart and table.

import { useMemo, useState } from 'preact/hooks';

export interface Pick {
  shown: string | null;
  chosen: string | null;
  hover: (camera: string | null) => void;
  toggle: (camera: string) => void;
}

export function usePick(): Pick {
  const [hovered, hover] = useState<string | null>(null);
  const [chosen, choose] = useState<string | null>(null);
  return useMemo(
    () => ({
      shown: hovered ?? chosen,
      chosen,
      hover,
      toggle: (camera: string) => choose((now) => (now === camera ? null : camera)),
    }),
    [hovered, chosen],
  );
}
