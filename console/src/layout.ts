// Where things stand on the map, in pixels: markers that would cover each other are moved apart, and labels are put
// where they cover nothing. Deterministic, so that the map does not tremble from one second to the next.

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

export interface LabelWish extends Point {
  r: number; // of the marker that it names
  text: string;
}

export interface Label extends Point {
  anchor: 'start' | 'middle' | 'end';
  text: string;
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const overlap = (a: Box, b: Box) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

function boxOf(label: Label, size: number): Box {
  const width = label.text.length * size * 0.56;
  const left = label.anchor === 'start' ? label.x : label.anchor === 'end' ? label.x - width : label.x - width / 2;
  return { left, right: left + width, top: label.y - size * 0.8, bottom: label.y + size * 0.25 };
}

function candidates(wish: LabelWish, size: number): Label[] {
  const { x, y, r, text } = wish;
  const away = r + 4;
  const mid = y + size * 0.32;
  return [
    { x: x + away, y: mid, anchor: 'start', text },
    { x: x - away, y: mid, anchor: 'end', text },
    { x, y: y - away, anchor: 'middle', text },
    { x, y: y + away + size * 0.7, anchor: 'middle', text },
    { x: x + away * 0.7, y: y - away * 0.6, anchor: 'start', text },
    { x: x - away * 0.7, y: y - away * 0.6, anchor: 'end', text },
    { x: x + away * 0.7, y: y + away * 0.6 + size * 0.6, anchor: 'start', text },
    { x: x - away * 0.7, y: y + away * 0.6 + size * 0.6, anchor: 'end', text },
  ];
}

/** In the order of the wishes, the first free place of eight; null where none is free inside the frame or no text is wished. */
export function placeLabels(wishes: readonly LabelWish[], obstacles: readonly Disc[], size: number, frame: { width: number; height: number }): (Label | null)[] {
  const taken: Box[] = obstacles.map(({ x, y, r }) => ({ left: x - r, right: x + r, top: y - r, bottom: y + r }));
  return wishes.map((wish) => {
    if (wish.text === '') return null;
    for (const label of candidates(wish, size)) {
      const box = boxOf(label, size);
      const inside = box.left >= 0 && box.top >= 0 && box.right <= frame.width && box.bottom <= frame.height;
      if (inside && !taken.some((other) => overlap(box, other))) {
        taken.push(box);
        return label;
      }
    }
    return null;
  });
}
