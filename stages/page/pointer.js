// A click or a touch on the picture, for graphs that draw buttons in it.

import { byId } from "./element.js";
import { notify } from "./notices.js";
import { post } from "./server.js";

export class Pointer {
  #target = "";
  #down = false;

  /** `picture.isResult` says whether what is pointed at is the graph's result. */
  constructor(picture) {
    const screen = byId("screen");
    screen.addEventListener("pointerdown", (event) => {
      if (!this.#target || !picture.isResult || event.target.closest("button")) return;
      this.#down = true;
      this.#point(event, true);
    });
    addEventListener("pointerup", (event) => this.#up(event));
    addEventListener("pointercancel", (event) => this.#up(event));
  }

  /** Take the actions of a graph. */
  load(actions) {
    const found = actions.find(({ use, action }) => use === "ui.buttons" && action === "point");
    this.#target = found ? `${found.stage}.${found.action}` : "";
    byId("screen").classList.toggle("points", Boolean(found));
  }

  #up(event) {
    if (!this.#down) return;
    this.#down = false;
    this.#point(event, false);
  }

  #point({ clientX, clientY }, down) {
    const { left, top, width, height } = byId("screen").getBoundingClientRect();
    const values = { x: (clientX - left) / width, y: (clientY - top) / height, down };
    post("/api/act", { action: this.#target, values }).catch((error) => notify(error.message, true));
  }
}
