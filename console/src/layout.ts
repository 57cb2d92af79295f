// Where things stand on the map, in pixels: markers that would cover each other are moved apart, and labels are put
// where they cover nothing, with a line to what they name where that is not beside it. Deterministic, so that the map does not tremble from one second to the next.

export interface Point {
  x: number;
  y: number;
}

export interface Disc extends Point {
  r: number;
  fixed?: boolean;
}

const golden = Math.PI * (3 - Math.sqrt(5));

/** Positions such that discs do not overlap, each as near its own place as the others allow (at most 60 rounds). */
export function spread(discs: readonly Disc[], gap: number): Point[] {
  const at = discs.map((disc) => ({ x: disc.x, y: disc.y }));
  for (let round = 0; round < 60; round++) {
    let moved = false;
    for (let i = 0; i < discs.length; i++) {
      for (let j = i + 1; j < discs.length; j++) moved = push(discs, at, i, j, gap) || moved;
    }
    if (!moved) break;
  }
  return at;
}

function push(discs: readonly Disc[], at: Point[], i: number, j: number, gap: number): boolean {
  const [a, b] = [at[i]!, at[j]!];
  const [da, db] = [discs[i]!, discs[j]!];
  const wanted = da.r + db.r + gap;
  let [dx, dy] = [b.x - a.x, b.y - a.y];
  let distance = Math.hypot(dx, dy);
  if (distance >= wanted - 0.01 || (da.fixed && db.fixed)) return false;
  if (distance < 0.01) {
    // The same place: every pair leaves in a direction of its own, the same one each time.
    [dx, dy, distance] = [Math.cos(j * golden), Math.sin(j * golden), 1];
    [dx, dy] = [dx * 0.01, dy * 0.01];
    distance = 0.01;
  }
  const step = wanted - Math.hypot(b.x - a.x, b.y - a.y);
  const shareB = db.fixed ? 0 : da.fixed ? 1 : 0.5;
  a.x -= (dx / distance) * step * (1 - shareB);
  a.y -= (dy / distance) * step * (1 - shareB);
  b.x += (dx / distance) * step * shareB;
  b.y += (dy / distance) * step * shareB;
  return true;
}

/** A straight line between two points. */
export interface Segment {
  from: Point;
  to: Point;
}

export interface LabelWish extends Point {
  r: number; // of the marker that it names
  text: string;
  bold: boolean;
}

export interface Label extends Point {
  lines: string[]; // one or two; (x, y) is where the first one's baseline is anchored
  anchor: 'start' | 'middle' | 'end';
  leader: Segment | null; // from the marker to a label that has no room beside it
}

export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** What labels stay clear of: markers, and lines of the drawing. */
export interface Obstacles {
  discs: readonly Disc[];
  lines: readonly Segment[];
}

const lineHeight = 1.15;

/** At least as wide as a common sans serif draws it: DejaVu Sans is the widest of them. */
export function textWidth(text: string, size: number, bold: boolean): number {
  let ems = 0;
  for (const letter of text) {
    if (/[ijlIíïì.,'’ -]/.test(letter)) ems += 0.37;
    else if (/[frt]/.test(letter)) ems += 0.44;
    else if (/[mwMW]/.test(letter)) ems += 0.98;
    else ems += letter === letter.toLowerCase() ? 0.64 : 0.76;
  }
  return ems * size * (bold ? 1.1 : 1);
}

export function boxOf(label: Label, size: number, bold: boolean): Box {
  const width = Math.max(...label.lines.map((line) => textWidth(line, size, bold)));
  const left = label.anchor === 'start' ? label.x : label.anchor === 'end' ? label.x - width : label.x - width / 2;
  return { left, right: left + width, top: label.y - size * 0.95, bottom: label.y + size * (0.27 + lineHeight * (label.lines.length - 1)) };
}

const overlap = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function touches(box: Box, { x, y, r }: Disc): boolean {
  return Math.hypot(x - Math.min(box.right, Math.max(box.left, x)), y - Math.min(box.bottom, Math.max(box.top, y))) < r;
}

/** Which share of the way from a to b lies in the box is asked side by side (Liang and Barsky). */
function crosses(box: Box, { from, to }: Segment): boolean {
  let [enter, leave] = [0, 1];
  const sides: [number, number][] = [
    [from.x - to.x, from.x - box.left], [to.x - from.x, box.right - from.x],
    [from.y - to.y, from.y - box.top], [to.y - from.y, box.bottom - from.y],
  ];
  for (const [speed, room] of sides) {
    if (speed === 0 && room < 0) return false;
    if (speed < 0) enter = Math.max(enter, room / speed);
    if (speed > 0) leave = Math.min(leave, room / speed);
  }
  return enter < leave;
}

function passes({ from, to }: Segment, { x, y, r }: Disc): boolean {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const along = Math.min(1, Math.max(0, ((x - from.x) * dx + (y - from.y) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(from.x + along * dx - x, from.y + along * dy - y) < r;
}

function meet(one: Segment, other: Segment): boolean {
  const side = ({ from, to }: Segment, point: Point) => Math.sign((to.x - from.x) * (point.y - from.y) - (to.y - from.y) * (point.x - from.x));
  return side(one, other.from) !== side(one, other.to) && side(other, one.from) !== side(other, one.to);
}

/** The text whole, and, where it is long, in two lines that are as equally long as its words allow. */
function breaks(text: string): string[][] {
  const spaces = [...text.matchAll(/ /g)].map((found) => found.index);
  if (spaces.length === 0 || text.length < 13) return [[text]];
  const middle = spaces.reduce((best, at) => (Math.abs(at - text.length / 2) < Math.abs(best - text.length / 2) ? at : best));
  return [[text], [text.slice(0, middle), text.slice(middle + 1)]];
}

function beside(wish: LabelWish, lines: string[], size: number): Label[] {
  const { x, y, r } = wish;
  const away = r + 4;
  const more = size * lineHeight * (lines.length - 1);
  const mid = y + size * 0.34 - more / 2;
  const [above, below] = [y - away - more, y + away + size * 0.75];
  const at = (x: number, y: number, anchor: Label['anchor']): Label => ({ lines, x, y, anchor, leader: null });
  return [
    at(x + away, mid, 'start'), at(x - away, mid, 'end'), at(x, above, 'middle'), at(x, below, 'middle'),
    at(x + away * 0.7, y - away * 0.6 - more, 'start'), at(x - away * 0.7, y - away * 0.6 - more, 'end'),
    at(x + away * 0.7, y + away * 0.6 + size * 0.6, 'start'), at(x - away * 0.7, y + away * 0.6 + size * 0.6, 'end'),
  ];
}

const directions = 24;
const farthest = 12; // times the size of the text

/** At the end of a line, nearer ones first. */
function apart(wish: LabelWish, texts: readonly string[][], size: number): Label[] {
  const { x, y, r } = wish;
  const labels: Label[] = [];
  for (let away = size; away <= size * farthest; away += size * 0.75) {
    for (let i = 0; i < directions; i++) {
      const angle = (i / directions) * 2 * Math.PI;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      const from = { x: x + (r + 1) * cos, y: y + (r + 1) * sin };
      const to = { x: x + (r + away) * cos, y: y + (r + away) * sin };
      for (const lines of texts) {
        const more = size * lineHeight * (lines.length - 1);
        // Beside the line's end; where it goes up or down, over or under it.
        if (Math.abs(cos) > 0.3) {
          labels.push({ lines, x: to.x + Math.sign(cos) * 3, y: to.y + size * 0.34 - more / 2, anchor: cos > 0 ? 'start' : 'end', leader: { from, to } });
        }
        if (Math.abs(sin) > 0.5) {
          labels.push({ lines, x: to.x, y: sin < 0 ? to.y - size * 0.4 - more : to.y + size, anchor: 'middle', leader: { from, to } });
        }
      }
    }
  }
  return labels;
}

/** One over or under its marker, moved so far to the side that the frame's edge does not cut it. */
function inFrame(label: Label, wish: LabelWish, size: number, width: number): Label {
  if (label.anchor !== 'middle') return label;
  const half = Math.max(...label.lines.map((line) => textWidth(line, size, wish.bold))) / 2;
  return { ...label, x: Math.min(width - half, Math.max(half, label.x)) };
}

/** In this order each takes the first place that is free: beside its marker, in two lines, then at the end of a line. */
function placeInOrder(order: readonly LabelWish[], obstacles: Obstacles, size: number, frame: { width: number; height: number }): Map<LabelWish, Label> {
  const taken: Box[] = [];
  const leaders: Segment[] = [];
  const isFree = (label: Label, wish: LabelWish) => {
    const box = boxOf(label, size, wish.bold);
    if (box.left < 0 || box.top < 0 || box.right > frame.width || box.bottom > frame.height) return false;
    if (taken.some((other) => overlap(box, other)) || [...obstacles.lines, ...leaders].some((line) => crosses(box, line))) return false;
    if (obstacles.discs.some((disc) => touches(box, disc))) return false;
    const { leader } = label;
    if (!leader) return true;
    if (taken.some((other) => crosses(other, leader)) || leaders.some((line) => meet(line, leader))) return false;
    return !obstacles.discs.some((disc) => (disc.x !== wish.x || disc.y !== wish.y) && passes(leader, { ...disc, r: disc.r + 1 }));
  };
  const placed = new Map<LabelWish, Label>();
  for (const wish of order) {
    if (wish.text === '') continue;
    const texts = breaks(wish.text);
    const candidates = [...texts.flatMap((text) => beside(wish, text, size)), ...apart(wish, texts, size)];
    const free = candidates.map((label) => inFrame(label, wish, size, frame.width)).find((label) => isFree(label, wish));
    if (!free) continue;
    placed.set(wish, free);
    taken.push(boxOf(free, size, wish.bold));
    if (free.leader) leaders.push(free.leader);
  }
  return placed;
}

const mostRounds = 8;

/**
 * Bold ones first, then in the order of the wishes; where one found no place, it comes earlier in the next round, and the
 * round with the most labels counts. Null where there is no place inside the frame, or no text is wished.
 */
export function placeLabels(wishes: readonly LabelWish[], obstacles: Obstacles, size: number, frame: { width: number; height: number }): (Label | null)[] {
  const failed = new Map<LabelWish, number>();
  const failures = (wish: LabelWish) => failed.get(wish) ?? 0;
  let best = new Map<LabelWish, Label>();
  for (let round = 0; round < mostRounds; round++) {
    const order = [...wishes].sort((a, b) => Number(b.bold) - Number(a.bold) || failures(b) - failures(a));
    const placed = placeInOrder(order, obstacles, size, frame);
    if (placed.size > best.size) best = placed;
    const missing = wishes.filter((wish) => wish.text !== '' && !placed.has(wish));
    if (missing.length === 0) break;
    for (const wish of missing) failed.set(wish, failures(wish) + 1);
  }
  return wishes.map((wish) => best.get(wish) ?? null);
}
