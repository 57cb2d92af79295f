// What several gateways say of the same camera or app, put together as `barrio top` does.

import type { Flow, LatencyPair } from './api';

export interface Together {
  answered: number;
  answeredPerSecond: number;
  late: number;
  refused: number;
  refusals: string[]; // the last reasons, that of the most refusals first
  network: LatencyPair;
  queue: LatencyPair;
  compute: LatencyPair;
  total: LatencyPair;
}

export function answeredPerSecond(flow: Flow): number {
  return flow.answered / flow.seconds;
}

/** The median of the medians, weighted by answers. */
function medianOf(pairs: readonly { p50: number; weight: number }[]): number {
  const sorted = [...pairs].sort((a, b) => a.p50 - b.p50);
  const all = sorted.reduce((sum, { weight }) => sum + weight, 0);
  let below = 0;
  for (const { p50, weight } of sorted) {
    below += weight;
    if (below * 2 >= all) return p50;
  }
  return 0;
}

/** p99 is the worst gateway's: the true one is never above it. */
function pairOf(answered: readonly Flow[], part: 'network' | 'queue' | 'compute' | 'total'): LatencyPair {
  return {
    p50: medianOf(answered.map((flow) => ({ p50: flow[part].p50, weight: answeredPerSecond(flow) }))),
    p99: Math.max(0, ...answered.map((flow) => flow[part].p99)),
  };
}

export function together(flows: readonly Flow[]): Together {
  const sum = (read: (flow: Flow) => number) => flows.reduce((total, flow) => total + read(flow), 0);
  const answered = flows.filter((flow) => flow.answered > 0);
  const refusing = flows.filter((flow) => flow.refused > 0).sort((a, b) => b.refused - a.refused || (a.refusal < b.refusal ? -1 : 1));
  return {
    answered: sum((flow) => flow.answered),
    answeredPerSecond: sum(answeredPerSecond),
    late: sum((flow) => flow.late),
    refused: sum((flow) => flow.refused),
    refusals: [...new Set(refusing.map((flow) => flow.refusal))],
    network: pairOf(answered, 'network'),
    queue: pairOf(answered, 'queue'),
    compute: pairOf(answered, 'compute'),
    total: pairOf(answered, 'total'),
  };
}
