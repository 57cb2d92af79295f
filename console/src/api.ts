// What control's GET /barrio/v1/live, /barrio/v1/storage and /barrio/v1/consoles say, checked once here: everything behind
// `parseLive`, `parseStorage` and `parseConsoles` trusts its types.

export type SiteStatus = 'planned' | 'testing' | 'active' | 'draining' | 'retired';

export interface Site {
  id: string;
  city: string;
  lat: number;
  lon: number;
  status: SiteStatus;
  connected: boolean;
  powerBudgetW: number;
  powerUsedW: number;
  replicas: number;
  replicasReady: number;
}

/** Why nothing was placed: a sentence with the figures, and what would work (may be empty). */
export interface Refusal {
  detail: string;
  nearest: string;
}

export interface App {
  app: string; // "tenant/name"
  objectiveMs: number;
  objectivePercentile: number;
  replicas: number; // that it should have now; 0: none while nobody asks
  replicasReady: number;
  sites: string[]; // that have a replica, ready or not
  refusal: Refusal | null; // none placed
}

export interface LatencyPair {
  p50: number;
  p99: number;
}

/** One app's devices in one place, as one gateway saw them in the last seconds. */
export interface Flow {
  app: string;
  place: string;
  lat: number;
  lon: number;
  access: string;
  entered: string;
  servedBy: string; // empty while only refused
  answered: number;
  late: number;
  refused: number;
  refusal: string; // the last reason; empty: none was refused
  seconds: number; // that the counts are of, at most 10
  network: LatencyPair;
  queue: LatencyPair;
  compute: LatencyPair;
  total: LatencyPair;
}

export interface Live {
  time: string;
  snapshotVersion: number;
  sites: Site[];
  apps: App[];
  flows: Flow[];
}

/** What the buckets hold whose home is this site. */
export interface Storage {
  site: string;
  buckets: number;
  incomplete: number; // have fewer complete copies than were asked for
  untold: number; // their home has not said yet what they hold
  objects: number;
  bytes: number;
}

/** Where browsers reach the members of control. */
export interface Consoles {
  member: string; // that answers
  consoles: { member: string; origin: string }[]; // none: this control is alone
}

/** What the counts of a gateway are of that does not say it. */
const windowSeconds = 10;

const statuses: readonly string[] = ['planned', 'testing', 'active', 'draining', 'retired'];

/** Reads fields of a JSON value; a wrong one is an Error that names its path. */
class Reader {
  constructor(
    private readonly value: unknown,
    private readonly path: string,
  ) {}

  private wrong(wanted: string): Error {
    return new Error(`${this.path || 'the answer'} is not ${wanted}`);
  }
  field(name: string): Reader {
    if (typeof this.value !== 'object' || this.value === null) throw this.wrong('an object');
    return new Reader((this.value as Record<string, unknown>)[name], this.path ? `${this.path}.${name}` : name);
  }
  text(): string {
    if (typeof this.value !== 'string') throw this.wrong('a string');
    return this.value;
  }
  number(): number {
    if (typeof this.value !== 'number' || !Number.isFinite(this.value)) throw this.wrong('a number');
    return this.value;
  }
  flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.wrong('true or false');
    return this.value;
  }
  /** Null where nothing was said. */
  maybe<T>(read: (value: Reader) => T): T | null {
    return this.value === undefined || this.value === null ? null : read(this);
  }
  list<T>(read: (item: Reader) => T): T[] {
    if (!Array.isArray(this.value)) throw this.wrong('a list');
    return this.value.map((item, index) => read(new Reader(item, `${this.path}[${index}]`)));
  }
  status(): SiteStatus {
    const text = this.text();
    if (!statuses.includes(text)) throw this.wrong(`one of ${statuses.join(', ')}`);
    return text as SiteStatus;
  }
}

function parseSite(site: Reader): Site {
  return {
    id: site.field('id').text(),
    city: site.field('city').text(),
    lat: site.field('lat').number(),
    lon: site.field('lon').number(),
    status: site.field('status').status(),
    connected: site.field('connected').flag(),
    powerBudgetW: site.field('power_budget_w').number(),
    powerUsedW: site.field('power_used_w').number(),
    replicas: site.field('replicas').number(),
    replicasReady: site.field('replicas_ready').number(),
  };
}

function parseApp(app: Reader): App {
  return {
    app: app.field('app').text(),
    objectiveMs: app.field('objective_ms').number(),
    objectivePercentile: app.field('objective_percentile').number(),
    replicas: app.field('replicas').number(),
    replicasReady: app.field('replicas_ready').number(),
    sites: app.field('sites').list((site) => site.text()),
    refusal: app.field('refusal').maybe((why) => ({ detail: why.field('detail').text(), nearest: why.field('nearest').text() })),
  };
}

function parsePair(pair: Reader): LatencyPair {
  return { p50: pair.field('p50_ms').number(), p99: pair.field('p99_ms').number() };
}

function parseFlow(flow: Reader): Flow {
  return {
    app: flow.field('app').text(),
    place: flow.field('place').text(),
    lat: flow.field('location').field('lat').number(),
    lon: flow.field('location').field('lon').number(),
    access: flow.field('access').text(),
    entered: flow.field('entered').text(),
    servedBy: flow.field('served_by').text(),
    answered: flow.field('answered').number(),
    late: flow.field('late').number(),
    refused: flow.field('refused').number(),
    refusal: flow.field('refusal').text(),
    seconds: flow.field('seconds').number() || windowSeconds,
    network: parsePair(flow.field('network')),
    queue: parsePair(flow.field('queue')),
    compute: parsePair(flow.field('compute')),
    total: parsePair(flow.field('total')),
  };
}

/** Throws an Error naming the first wrong field. */
export function parseLive(json: unknown): Live {
  const live = new Reader(json, '');
  return {
    time: live.field('time').text(),
    snapshotVersion: live.field('snapshot_version').number(),
    sites: live.field('sites').list(parseSite),
    apps: live.field('apps').list(parseApp),
    flows: live.field('flows').list(parseFlow),
  };
}

function parseSums(sums: Reader): Storage {
  return {
    site: sums.field('site').text(),
    buckets: sums.field('buckets').number(),
    incomplete: sums.field('incomplete').number(),
    untold: sums.field('untold').number(),
    objects: sums.field('objects').number(),
    bytes: sums.field('bytes').number(),
  };
}

/** Throws an Error naming the first wrong field. */
export function parseStorage(json: unknown): Storage[] {
  return new Reader(json, '').field('sites').list(parseSums);
}

/** Throws an Error naming the first wrong field. */
export function parseConsoles(json: unknown): Consoles {
  const consoles = new Reader(json, '');
  return {
    member: consoles.field('member').text(),
    consoles: consoles.field('consoles').list((one) => ({ member: one.field('member').text(), origin: one.field('origin').text() })),
  };
}

/** `away`: no answer, or none of who leads, who alone knows. `refused`: control answered, but not with a view (the text says what). */
export type Answer<T> = { kind: 'given'; view: T } | { kind: 'away' } | { kind: 'refused'; reason: string };

/** On an answer of a member that found nobody who leads. */
const notLeading = 'barrio-not-leading';

const refusals: Record<number, string> = {
  401: 'it wants a token: start control with open_console to open this page without one',
  403: 'this account may not see it',
};

/** One question; settles within `timeoutMs` and never rejects. */
async function ask<T>(url: string, parse: (json: unknown) => T, timeoutMs: number): Promise<Answer<T>> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(timeoutMs) });
    if (response.ok) body = await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) return { kind: 'refused', reason: 'its answer is not JSON' };
    return { kind: 'away' };
  }
  if (response.status >= 500 || response.headers.has(notLeading)) return { kind: 'away' };
  if (!response.ok) {
    return { kind: 'refused', reason: refusals[response.status] ?? `it answered ${response.status}` };
  }
  try {
    return { kind: 'given', view: parse(body) };
  } catch (error) {
    return { kind: 'refused', reason: (error as Error).message };
  }
}

/** `origin`: of the member that is asked; empty: where this page came from. */
export function askLive(origin: string, timeoutMs: number): Promise<Answer<Live>> {
  return ask(`${origin}/barrio/v1/live`, parseLive, timeoutMs);
}

export function askStorage(origin: string, timeoutMs: number): Promise<Answer<Storage[]>> {
  return ask(`${origin}/barrio/v1/storage`, parseStorage, timeoutMs);
}

export function askConsoles(origin: string, timeoutMs: number): Promise<Answer<Consoles>> {
  return ask(`${origin}/barrio/v1/consoles`, parseConsoles, timeoutMs);
}
