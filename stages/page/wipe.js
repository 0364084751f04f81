// The line between before and after: a slider over the picture, moved by pointer, finger or keys.

import { byId } from "./element.js";

const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10 };

export class Wipe {
  #range = byId("wipe");

  /** `moved()` is called when the line is elsewhere. */
  constructor(moved) {
    this.#range.addEventListener("input", () => this.#told(moved));
    this.#range.addEventListener("keydown", (event) => {
      if (!(event.key in STEPS)) return; // a finger moves it finely, a key in steps that are seen
      event.preventDefault();
      this.#range.value = Number(this.#range.value) + STEPS[event.key];
      this.#told(moved);
    });
    this.#told(() => {});
  }

  /** The part of the width that is before. */
  get share() {
    return Number(this.#range.value) / 100;
  }

  set shown(shown) {
    for (const it of document.querySelectorAll(".wipe")) it.hidden = !shown;
  }

  #told(moved) {
    this.#range.ariaValueText = `${Math.round(this.#range.value)} % before`;
    this.#range.parentElement.style.setProperty("--share", this.#range.value / 100);
    moved();
  }
}
