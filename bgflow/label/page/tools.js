// What pointers and the keyboard's cursor draw on the picture.

import { Outline } from "./outline.js";

const PAINTS = { brush: "subject", eraser: "background", unknown: "unknown" };
const OTHER = { subject: "background", background: "subject", unknown: "unknown" };
const POINT = 4; // screen pixels that a click may wander
const PEN_ERASER = 32; // of PointerEvent.buttons
export const SIZES = [1, 400]; // of a brush, in pixels of the picture

/** `host.work()` is what is drawn on; `host.add(op)` and `host.change(at, op)` do; `host.moved()` tells of open points. */
export class Tools {
  #pointers = new Map(); // those that are down: pointerId -> where on the screen
  #stroke = null;
  #panning = false;
  #hover = null;

  constructor(view, host) {
    Object.assign(this, { view, host, tool: "polygon", size: 24, space: false, cursor: null });
    this.outline = new Outline(view, host);
    view.over = (context) => this.#draw(context);
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("dblclick", () => {
      if (!this.#outlining() || this.outline.close(this.tool === "hole")) return;
      if (this.outline.points.length === 1) this.outline.cancel(); // the first of the two clicks has closed it
    });
    canvas.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      if (this.#outlining()) this.outline.close(this.tool === "hole");
    });
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  choose(tool) {
    this.lift();
    if (!["polygon", "hole"].includes(tool)) this.outline.cancel();
    this.tool = tool;
    this.view.draw();
  }

  resize(size) {
    this.size = Math.min(Math.max(Math.round(size), SIZES[0]), SIZES[1]);
    this.view.draw();
  }

  /** Whether a stroke is being drawn. */
  get drawing() {
    return this.#stroke !== null;
  }

  /** Put down what the keyboard's cursor holds, or take it up. */
  press({ altKey = false } = {}) {
    if (!this.cursor) return;
    if (this.#outlining()) this.outline.click(this.view.toScreen(this.cursor), this.tool === "hole" || altKey);
    else if (this.tool === "region") this.host.add({ kind: "region", x: this.cursor[0], y: this.cursor[1] });
    else if (this.#stroke) this.lift();
    else this.#begin(this.cursor, altKey);
  }

  /** Move the keyboard's cursor by pixels of the picture; it appears in the middle. */
  nudge(dx, dy) {
    const { width, height } = this.view.raster;
    const [x, y] = this.cursor ?? [Math.floor(width / 2) + 0.5, Math.floor(height / 2) + 0.5];
    this.cursor = [Math.min(Math.max(x + dx, 0.5), width - 0.5), Math.min(Math.max(y + dy, 0.5), height - 0.5)];
    if (this.#stroke) this.#extend(this.cursor);
    this.view.draw();
  }

  /** End a stroke. */
  lift() {
    if (!this.#stroke) return;
    const { op, before } = this.#stroke;
    this.#stroke = null;
    this.view.raster.data.set(before);
    this.host.add(op);
  }

  /** Forget the stroke or the polygon that is not finished. */
  cancel() {
    if (this.#stroke) {
      this.view.raster.data.set(this.#stroke.before);
      this.#stroke = null;
      this.view.refresh();
    }
    this.outline.cancel();
  }

  #outlining() {
    return this.tool === "polygon" || this.tool === "hole";
  }

  #at(event) {
    const box = this.view.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #down(event) {
    if (!this.host.work()) return;
    event.preventDefault();
    document.activeElement?.blur();
    this.cursor = null;
    this.view.canvas.setPointerCapture(event.pointerId);
    const at = this.#at(event);
    this.#pointers.set(event.pointerId, at);
    if (this.#pointers.size === 2) {
      if (this.#stroke) this.cancel();
      this.outline.drop();
    }
    this.#panning = this.#pointers.size > 1 || this.space || event.button === 1;
    if (this.#panning || (event.button && !(event.buttons & PEN_ERASER))) return;
    if (this.#outlining()) this.outline.down(at, event.altKey);
    else if (this.tool !== "region") this.#begin(this.view.toPicture(at), event.altKey, event.buttons & PEN_ERASER);
  }

  #move(event) {
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return this.#point(at);
    if (this.#panning) this.#drag(event.pointerId, before, at);
    else if (this.#stroke) {
      for (const one of event.getCoalescedEvents?.() ?? []) this.#extend(this.view.toPicture(this.#at(one)));
      this.#extend(this.view.toPicture(at));
    } else if (this.#outlining()) this.outline.move(at);
    if (this.#panning || this.#stroke) this.#pointers.set(event.pointerId, at);
    this.#point(event.pointerType === "touch" ? null : at);
  }

  /** Pan with one pointer, pan and zoom with two. */
  #drag(id, before, at) {
    const other = [...this.#pointers].find(([key]) => key !== id)?.[1];
    if (!other) return this.view.pan(at[0] - before[0], at[1] - before[1]);
    const middle = (a) => [(a[0] + other[0]) / 2, (a[1] + other[1]) / 2];
    const apart = (a) => Math.max(Math.hypot(a[0] - other[0], a[1] - other[1]), 1);
    this.view.zoom(apart(at) / apart(before), middle(before));
    this.view.pan(middle(at)[0] - middle(before)[0], middle(at)[1] - middle(before)[1]);
  }

  #up(event) {
    const began = this.#pointers.get(event.pointerId);
    if (!this.#pointers.delete(event.pointerId)) return;
    const at = this.#at(event);
    if (this.#panning) this.#panning = this.#pointers.size > 0; // the finger that stays must not draw
    else if (event.type === "pointercancel") this.cancel();
    else if (this.#stroke) this.lift();
    else if (this.#outlining()) this.outline.up(at, this.tool === "hole" || event.altKey);
    else if (this.tool === "region" && !event.button && Math.hypot(at[0] - began[0], at[1] - began[1]) < POINT) {
      const [x, y] = this.view.toPicture(at);
      this.host.add({ kind: "region", x, y });
    }
  }

  #begin(at, alt, erase = false) {
    const paint = erase ? "background" : PAINTS[this.tool];
    const op = { kind: "stroke", points: [at], size: this.size, paint: alt ? OTHER[paint] : paint };
    this.#stroke = { op, before: this.view.raster.data.slice() };
    this.view.refresh(this.view.raster.line(at, at, op.size, op.paint));
  }

  #extend(at) {
    const { op } = this.#stroke;
    const last = op.points.at(-1);
    if (Math.hypot(at[0] - last[0], at[1] - last[1]) * this.view.scale < 1) return;
    op.points.push(at);
    this.view.refresh(this.view.raster.line(last, at, op.size, op.paint));
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode ? 30 : 1; // lines or pixels
    this.view.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), this.#at(event));
  }

  #point(at) {
    this.#hover = at;
    this.outline.hover = at;
    this.view.draw();
  }

  #draw(context) {
    if (this.#outlining()) this.outline.draw(context, this.cursor && this.view.toScreen(this.cursor));
    const at = this.cursor ? this.view.toScreen(this.cursor) : this.#hover;
    if (!at) return;
    if (this.tool in PAINTS) ring(context, at, Math.max((this.size / 2) * this.view.scale, 2));
    if (this.cursor) cross(context, at);
  }
}

/** Two lines, dark on light, that are seen on any picture. */
function twice(context, path) {
  for (const [style, width] of [["rgb(0 0 0 / 65%)", 3], ["#fff", 1.4]]) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.beginPath();
    path();
    context.stroke();
  }
}

function ring(context, [x, y], radius) {
  twice(context, () => context.arc(x, y, radius, 0, 2 * Math.PI));
}

function cross(context, [x, y]) {
  twice(context, () => {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 3 * dx, y + 3 * dy);
      context.lineTo(x + 12 * dx, y + 12 * dy);
    }
  });
}
