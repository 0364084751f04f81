// A label as its pixels: everything is drawn here, without anti-aliasing, so that a saved mask holds exact values.

export const BACKGROUND = 0;
export const NOT_QUITE = 127; // unknown, on the background's side
export const ALMOST = 128; // unknown, on the subject's side
export const SUBJECT = 255;
const LEAST = 0.75; // radius of the smallest brush: whatever is under it, one pixel's centre is within

/** One byte a pixel; `paint` is "subject", "background" or "unknown", which keeps the side that a pixel was on. */
export class Raster {
  constructor(width, height, data = new Uint8Array(width * height)) {
    Object.assign(this, { width, height, data });
  }

  /** Paint the pixels first <= x < end of a row. */
  span(y, first, end, paint) {
    if (y < 0 || y >= this.height) return;
    const from = y * this.width + Math.max(first, 0);
    const to = y * this.width + Math.min(end, this.width);
    if (to <= from) return;
    if (paint !== "unknown") this.data.fill(paint === "subject" ? SUBJECT : BACKGROUND, from, to);
    else for (let i = from; i < to; i++) this.data[i] = this.data[i] >= ALMOST ? ALMOST : NOT_QUITE;
  }

  /** Every pixel whose centre is inside; a loop that crosses itself is inside too (non-zero winding). */
  polygon(points, paint) {
    const rows = points.map(([, y]) => y);
    const last = Math.min(Math.ceil(Math.max(...rows)), this.height - 1);
    for (let y = Math.max(Math.floor(Math.min(...rows)), 0); y <= last; y++) {
      const middle = y + 0.5;
      const crossings = [];
      for (let n = 0; n < points.length; n++) {
        const [ax, ay] = points[n];
        const [bx, by] = points[(n + 1) % points.length];
        if (ay <= middle === by <= middle) continue;
        crossings.push([ax + ((middle - ay) / (by - ay)) * (bx - ax), ay <= middle ? 1 : -1]);
      }
      crossings.sort((a, b) => a[0] - b[0]);
      let winding = 0;
      crossings.forEach(([x, turn], n) => {
        if (winding) this.span(y, Math.ceil(crossings[n - 1][0] - 0.5), Math.ceil(x - 0.5), paint);
        winding += turn;
      });
    }
  }

  /** A brush of this diameter from one point to another; returns the rectangle that it may have changed. */
  line([ax, ay], [bx, by], size, paint) {
    const radius = Math.max(size / 2, LEAST);
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy;
    const left = Math.max(Math.floor(Math.min(ax, bx) - radius), 0);
    const right = Math.min(Math.ceil(Math.max(ax, bx) + radius), this.width);
    const top = Math.max(Math.floor(Math.min(ay, by) - radius), 0);
    const bottom = Math.min(Math.ceil(Math.max(ay, by) + radius), this.height);
    for (let y = top; y < bottom; y++) {
      let first = -1;
      let end = -1; // a row of a capsule is one span
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const t = length ? Math.min(Math.max((px * dx + py * dy) / length, 0), 1) : 0;
        if ((px - t * dx) ** 2 + (py - t * dy) ** 2 > radius * radius) continue;
        if (first < 0) first = x;
        end = x + 1;
      }
      if (first >= 0) this.span(y, first, end, paint);
    }
    return { x: left, y: top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) };
  }

  /** Turn a connected piece to the other side: a speck goes, a hole is filled. */
  region(x, y) {
    const { width, height, data } = this;
    const start = Math.floor(y) * width + Math.floor(x);
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    const inside = data[start] >= ALMOST;
    const value = inside ? BACKGROUND : SUBJECT;
    const todo = [start];
    data[start] = value;
    const visit = (i) => {
      if (data[i] >= ALMOST !== inside) return;
      data[i] = value;
      todo.push(i);
    };
    while (todo.length) {
      const i = todo.pop();
      const column = i % width;
      if (column > 0) visit(i - 1);
      if (column < width - 1) visit(i + 1);
      if (i >= width) visit(i - width);
      if (i < data.length - width) visit(i + width);
    }
  }

  /** Make a band of this width along the whole edge unknown. */
  band(size) {
    const edge = [];
    for (let y = 0; y < this.height; y++) {
      for (let x = 0; x < this.width; x++) if (this.edge(x, y)) edge.push([x + 0.5, y + 0.5]);
    }
    for (const point of edge) this.line(point, point, size, "unknown");
  }

  /** Whether a pixel of the subject has background beside it. */
  edge(x, y) {
    const { width, height, data } = this;
    const i = y * width + x;
    if (data[i] < ALMOST) return false;
    return (
      (x > 0 && data[i - 1] < ALMOST) ||
      (x < width - 1 && data[i + 1] < ALMOST) ||
      (y > 0 && data[i - width] < ALMOST) ||
      (y < height - 1 && data[i + width] < ALMOST)
    );
  }

  /** Subject becomes background, and the other way round. */
  invert() {
    const { data } = this;
    for (let i = 0; i < data.length; i++) data[i] = 255 - data[i];
  }

  /** Do what an operation says. */
  apply(op) {
    if (op.kind === "polygon") this.polygon(op.points, op.paint);
    else if (op.kind === "stroke") op.points.forEach((point, n) => this.line(op.points[Math.max(n - 1, 0)], point, op.size, op.paint));
    else if (op.kind === "region") this.region(op.x, op.y);
    else if (op.kind === "band") this.band(op.size);
    else if (op.kind === "invert") this.invert();
    else if (op.kind === "clear") this.data.fill(BACKGROUND);
    else if (op.kind === "copy") this.data.set(op.data);
  }
}

/** What two rasters of one width differ in: a rectangle and its pixels as they were; null where they are the same. */
export function difference(before, after, width) {
  let [top, bottom, left, right] = [-1, -1, width, -1];
  for (let i = 0; i < before.length; i++) {
    if (before[i] === after[i]) continue;
    const x = i % width;
    bottom = Math.floor(i / width);
    if (top < 0) top = bottom;
    if (x < left) left = x;
    if (x > right) right = x;
  }
  if (top < 0) return null;
  const [w, h] = [right - left + 1, bottom - top + 1];
  const pixels = new Uint8Array(w * h);
  for (let y = 0; y < h; y++) {
    const from = (top + y) * width + left;
    pixels.set(before.subarray(from, from + w), y * w);
  }
  return { x: left, y: top, width: w, height: h, pixels };
}
