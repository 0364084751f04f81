// What stages tell and what went wrong, in lines that go by themselves; and what is only read aloud.

import { byId, make, write } from "./element.js";

const CALM = 700; // milliseconds: of what follows each other faster than that only the last is read aloud
const SECONDS = 8;
const LINES = 4;

/** Read a line aloud, once it has been still for a moment. */
export function announce(text) {
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => write(byId("announced"), text), CALM);
}

/** Show a line for a while; `refused` ones are read aloud at once. */
export function notify(text, refused = false, seconds = SECONDS) {
  const lines = byId("notices");
  for (const line of lines.children) if (line.textContent === text) line.remove();
  const line = make("p", { textContent: text, className: refused ? "refused" : "" });
  if (refused) line.role = "alert";
  lines.append(line);
  while (lines.children.length > LINES) lines.firstElementChild.remove();
  setTimeout(() => line.remove(), Math.max(seconds, SECONDS) * 1000);
}

/** A countdown stands large over the picture; each second of it is seen, and only its beginning is read aloud. */
export class Countdown {
  #stage = "";
  #timer = 0;

  tell({ stage, text, seconds }) {
    if (this.#stage !== stage && text) announce(text);
    this.#stage = text ? stage : "";
    write(byId("countdown"), text);
    byId("countdown").hidden = !text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.tell({ stage, text: "", seconds: 0 }), seconds * 1000);
  }
}
