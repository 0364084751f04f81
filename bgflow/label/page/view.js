// The picture on screen: where it lies, how near it is, and what is laid over it.

import { ALMOST, NOT_QUITE, SUBJECT } from "./raster.js";

const NEAREST = 40; // screen pixels that one pixel of the picture may take at most
const MARGIN = 12;
const CHECKER = 8; // pixels of a square behind a cut-out
const colour = (red, green, blue, alpha = 255) => ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
const TINT = colour(47, 107, 255);
const EDGE = colour(255, 255, 255);
const DOUBT = colour(255, 176, 32);
const CLEAR = 0;

/** Screen coordinates are CSS pixels from the canvas's corner, picture coordinates pixels from the picture's. */
export class View {
  #picture = null;
  #changed = null; // the picture's difference to the plate
  #layer = document.createElement("canvas");
  #image = null;
  #words = null;
  #asked = 0;

  constructor(canvas) {
    this.canvas = canvas;
    this.raster = null;
    this.plate = null;
    this.mode = "overlay";
    this.opacity = 0.5;
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.over = () => {}; // draws what the tools show, on top of everything
    this.#fitted = true;
    new ResizeObserver(() => this.#resized()).observe(canvas);
  }

  #fitted; // goes on filling the window until somebody zooms

  /** Show another picture with its label. */
  show(picture, raster) {
    const same = this.#picture?.width === picture.width && this.#picture?.height === picture.height;
    this.#picture = picture;
    this.#changed = null;
    this.raster = raster;
    [this.#layer.width, this.#layer.height] = [raster.width, raster.height];
    this.#image = new ImageData(raster.width, raster.height);
    this.#words = new Uint32Array(this.#image.data.buffer);
    this.refresh();
    if (!same || this.#fitted) this.fit();
  }

  toPicture([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** The whole picture, as large as the window allows. */
  fit() {
    if (!this.raster) return;
    const { clientWidth, clientHeight } = this.canvas;
    const { width, height } = this.raster;
    this.scale = Math.max(Math.min((clientWidth - 2 * MARGIN) / width, (clientHeight - 2 * MARGIN) / height), 0.01);
    this.x = (clientWidth - width * this.scale) / 2;
    this.y = (clientHeight - height * this.scale) / 2;
    this.#fitted = true;
    this.draw();
  }

  /** Zoom by a factor; what is at this point of the screen stays there. */
  zoom(factor, [x, y] = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const scale = Math.min(Math.max(this.scale * factor, 0.05), NEAREST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#fitted = false;
    this.draw();
  }

  pan(dx, dy) {
    const keep = 40; // of the picture stays on the screen
    const { clientWidth, clientHeight } = this.canvas;
    this.x = Math.min(Math.max(this.x + dx, keep - this.raster.width * this.scale), clientWidth - keep);
    this.y = Math.min(Math.max(this.y + dy, keep - this.raster.height * this.scale), clientHeight - keep);
    this.#fitted = false;
    this.draw();
  }

  /** The label has changed, in this rectangle or anywhere. */
  refresh(changed = { x: 0, y: 0, width: this.raster.width, height: this.raster.height }) {
    const { width, height } = this.raster;
    const left = Math.max(changed.x - 1, 0); // an edge belongs to both of its sides
    const top = Math.max(changed.y - 1, 0);
    const right = Math.min(changed.x + changed.width + 1, width);
    const bottom = Math.min(changed.y + changed.height + 1, height);
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) this.#words[y * width + x] = this.#shade(x, y);
    }
    this.#layer.getContext("2d").putImageData(this.#image, 0, 0, left, top, right - left, bottom - top);
    this.draw();
  }

  #shade(x, y) {
    const value = this.raster.data[y * this.raster.width + x];
    const unknown = value === NOT_QUITE || value === ALMOST;
    if (this.mode === "mask") return unknown ? colour(128, 128, 128) : value ? colour(255, 255, 255) : colour(0, 0, 0);
    if (this.mode === "cutout") {
      if (value === SUBJECT) return CLEAR;
      const grey = (Math.floor(x / CHECKER) + Math.floor(y / CHECKER)) % 2 ? 214 : 246;
      return colour(grey, grey, grey, unknown ? 128 : 255);
    }
    if (this.raster.edge(x, y)) return EDGE;
    if (unknown) return DOUBT;
    return this.mode === "overlay" && value ? TINT : CLEAR;
  }

  /** Draw, with the screen's next picture. */
  draw() {
    this.#asked ||= requestAnimationFrame(() => {
      this.#asked = 0;
      this.#draw();
    });
  }

  #draw() {
    if (!this.#picture) return;
    const context = this.canvas.getContext("2d");
    const dots = devicePixelRatio;
    const { width, height } = this.raster;
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.imageSmoothingEnabled = this.scale < 2;
    context.imageSmoothingQuality = "high";
    const place = [this.x, this.y, width * this.scale, height * this.scale];
    context.drawImage(this.mode === "difference" ? this.#difference() : this.#picture, ...place);
    context.globalAlpha = this.mode === "overlay" ? this.opacity : 1;
    context.drawImage(this.#layer, ...place);
    context.globalAlpha = 1;
    this.over(context);
  }

  /** How far each colour is from the plate's, four times as bright. */
  #difference() {
    if (this.#changed || !this.plate) return this.#changed ?? this.#picture;
    this.#changed = document.createElement("canvas");
    [this.#changed.width, this.#changed.height] = [this.raster.width, this.raster.height];
    const context = this.#changed.getContext("2d");
    context.drawImage(this.#picture, 0, 0);
    context.globalCompositeOperation = "difference";
    context.drawImage(this.plate, 0, 0, this.raster.width, this.raster.height);
    context.globalCompositeOperation = "lighter";
    for (let doubled = 0; doubled < 2; doubled++) context.drawImage(this.#changed, 0, 0);
    return this.#changed;
  }

  #resized() {
    const dots = devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * dots);
    this.canvas.height = Math.round(this.canvas.clientHeight * dots);
    if (this.#fitted) this.fit();
    else this.#draw();
  }
}
