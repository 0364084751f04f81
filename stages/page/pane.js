// One canvas with its caption: pictures of outputs are drawn on it.

import { make, write } from "./element.js";

export class Pane {
  element = make("figure", { className: "pane", hidden: true });
  #canvas = make("canvas", { width: 16, height: 9 });
  #name = make("b");
  #about = make("span");
  #caption = make("figcaption", {}, this.#name, " ", this.#about);

  constructor() {
    this.#canvas.setAttribute("role", "img");
    this.element.append(this.#canvas, this.#caption);
  }

  /** What it shows; nothing where that is said elsewhere. */
  set label(text) {
    this.#canvas.ariaLabel = text || "Before and after";
    write(this.#name, text);
  }

  get width() {
    return this.#canvas.clientWidth * devicePixelRatio;
  }

  /** Draw a picture, and say of which frame it is and what its black and white mean. */
  draw(picture, frame) {
    if (!picture.bitmap) return this.#nothing();
    this.#size(picture.bitmap);
    this.#canvas.getContext("2d").drawImage(picture.bitmap, 0, 0);
    const age = picture.age ? `, ${picture.age} ${picture.age === 1 ? "frame" : "frames"} old` : "";
    const { low = null, high, look } = picture;
    this.#caption.classList.toggle("map", look === "map");
    const range = low === null ? "" : `${short(low)} to ${short(high)} · `;
    write(this.#about, `${range}frame ${frame}${age}`);
  }

  /** Draw one picture left of `share` of the width, and another right of it. */
  split(left, right, share, frame) {
    if (!left.bitmap || !right.bitmap) return this.#nothing();
    this.#size(right.bitmap);
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    context.drawImage(right.bitmap, 0, 0);
    context.save();
    context.beginPath();
    context.rect(0, 0, width * share, height);
    context.clip();
    context.drawImage(left.bitmap, 0, 0, width, height);
    context.restore();
    this.#caption.classList.remove("map");
    write(this.#about, `frame ${frame}`);
  }

  #nothing() {
    this.#canvas.getContext("2d").clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    write(this.#about, "nothing yet");
  }

  #size({ width, height }) {
    if (this.#canvas.width === width && this.#canvas.height === height) return;
    Object.assign(this.#canvas, { width, height });
  }
}

const short = (value) => (Number.isInteger(value) ? String(value) : value.toPrecision(3));
