// Polygons: the one that is being drawn, and the points of those that are there, to be dragged.

const NEAR = 10; // screen pixels: a point that is so near is meant
const POINT = 4; // screen pixels that a click may wander
const STRIDE = 8; // screen pixels between two points of a line that is drawn by dragging
const ROOM = 44; // screen pixels of an edge that has a handle in its middle, for one more point

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
const between = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];

/** Points are kept in picture coordinates; whatever comes in is of the screen. */
export class Outline {
  #drag = null; // { at, op, points, index, moved } of a point that is dragged
  #line = null; // { count, last } of a line that is drawn by dragging, since `count` points

  constructor(view, host) {
    Object.assign(this, { view, host, points: [], hole: false, hover: null });
  }

  /** Go on with points that were kept. */
  resume({ points = [], hole = false } = {}) {
    [this.points, this.hole] = [points, hole];
    this.view.draw();
  }

  click(at, hole = false) {
    this.hole ||= hole;
    if (this.points.length > 2 && this.#near(at, this.points[0])) return this.close(hole);
    if (this.points.length && distance(at, this.view.toScreen(this.points.at(-1))) < POINT) return;
    this.#push(at);
  }

  down(at, hole = false) {
    this.#drag = this.points.length ? null : this.#grabbed(at);
    this.#line = { count: this.points.length, start: at, last: at, hole };
  }

  move(at) {
    if (this.#drag) {
      this.#drag.moved ||= distance(at, this.#line.start) > POINT;
      if (this.#drag.moved) this.#drag.points[this.#drag.index] = this.view.toPicture(at);
      this.view.draw();
    } else if (this.#line && distance(at, this.#line.last) > STRIDE) {
      if (this.#line.last === this.#line.start && !this.#beside(this.#line.start)) this.#push(this.#line.start);
      this.#push(at);
      this.#line.last = at;
    }
  }

  up(at, hole = false) {
    const [drag, line] = [this.#drag, this.#line];
    this.#drag = this.#line = null;
    if (drag?.moved) return this.host.change(drag.at, { ...drag.op, points: drag.points });
    if (!line) return;
    if (line.last === line.start) return this.click(at, hole || line.hole);
    this.hole ||= hole || line.hole;
    if (this.points.length > 2 && this.#near(at, this.points[0])) this.close(hole);
  }

  /** A second finger has come: the first one meant no point. */
  drop() {
    if (this.#line) this.points.length = Math.min(this.points.length, this.#line.count);
    this.#drag = this.#line = null;
    this.host.moved();
  }

  /** Make a polygon of what was drawn; it takes away when it is a hole. False while there are too few points. */
  close(hole = false) {
    if (this.points.length < 3) return false;
    const op = { kind: "polygon", points: this.points, paint: hole || this.hole ? "background" : "subject" };
    this.cancel();
    this.host.add(op);
    return true;
  }

  /** Take the last point back; false when there is none. */
  back() {
    if (!this.points.length) return false;
    this.points.pop();
    if (!this.points.length) this.hole = false;
    this.host.moved();
    this.view.draw();
    return true;
  }

  cancel() {
    const had = this.points.length;
    [this.points, this.hole] = [[], false];
    this.#drag = this.#line = null;
    if (had) this.host.moved();
    this.view.draw();
  }

  #push(at) {
    const { width, height } = this.view.raster;
    const [x, y] = this.view.toPicture(at);
    this.points.push([Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)]);
    this.host.moved();
    this.view.draw();
  }

  #near(at, point) {
    return distance(at, this.view.toScreen(point)) <= NEAR;
  }

  #beside(at) {
    return this.points.length > 0 && this.#near(at, this.points.at(-1));
  }

  /** The point, or the middle of an edge, of a polygon that is there; the newest polygon first. */
  #grabbed(at) {
    const ops = this.host.work().history.ops;
    for (let n = ops.length - 1; n >= 0; n--) {
      if (ops[n].kind !== "polygon") continue;
      const points = [...ops[n].points];
      const index = points.findIndex((point) => this.#near(at, point));
      if (index >= 0) return { at: n, op: ops[n], points, index, moved: false };
      const edge = points.findIndex((point, i) => this.#roomy(points, i) && this.#near(at, between(point, points[(i + 1) % points.length])));
      if (edge < 0) continue;
      points.splice(edge + 1, 0, this.view.toPicture(at));
      return { at: n, op: ops[n], points, index: edge + 1, moved: false };
    }
    return null;
  }

  #roomy(points, n) {
    return distance(...[points[n], points[(n + 1) % points.length]].map((it) => this.view.toScreen(it))) > ROOM;
  }

  draw(context, cursor) {
    for (const [n, op] of this.host.work()?.history.ops.entries() ?? []) {
      if (op.kind === "polygon") this.#closed(context, n === this.#drag?.at && this.#drag.moved ? this.#drag.points : op.points, op.paint);
    }
    if (!this.points.length) return;
    const ends = this.points.map((it) => this.view.toScreen(it));
    const next = cursor ?? this.hover;
    path(context, next ? [...ends, next] : ends, this.hole);
    const closes = next && ends.length > 2 && distance(next, ends[0]) <= NEAR;
    ends.forEach((end, n) => dot(context, end, n ? 3.5 : closes ? 8 : 5.5, this.hole, n === 0));
  }

  #closed(context, points, paint) {
    const ends = points.map((it) => this.view.toScreen(it));
    path(context, [...ends, ends[0]], paint === "background");
    if (this.points.length) return; // its points cannot be dragged now
    ends.forEach((end, n) => {
      dot(context, end, 4, paint === "background", true);
      if (this.#roomy(points, n)) dot(context, between(end, ends[(n + 1) % ends.length]), 2.2, paint === "background");
    });
  }
}

function path(context, ends, hole) {
  for (const [style, width] of [["rgb(0 0 0 / 60%)", 3.5], [hole ? "#ff8f86" : "#fff", 1.6]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    ends.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
  }
}

function dot(context, [x, y], radius, hole, open = false) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = open ? "#fff" : hole ? "#ff8f86" : "#2f6bff";
  context.strokeStyle = hole ? "#b3261e" : "#2f52cf";
  context.lineWidth = 2;
  context.fill();
  context.stroke();
}
