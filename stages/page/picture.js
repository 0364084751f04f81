// The picture on screen: the result, before and after, or any stage's output, instead of the result or beside it.

import { byId, make } from "./element.js";
import { Look } from "./look.js";
import { Pane } from "./pane.js";
import { Wipe } from "./wipe.js";

const STEP = 32; // pixels: a window that is drawn larger does not ask for other pictures at every one
const WIDEST = 1280;
const FRESH = 2500; // milliseconds for which a picture counts as live

export class Picture {
  #graph = { stages: [], before: null, after: null };
  #video = byId("result");
  #screen = byId("screen");
  #panes = [new Pane(), new Pane()];
  #wipe = new Wipe(() => this.#draw());
  #look = new Look(
    (frame, pictures) => this.#took(frame, pictures),
    (line) => this.#refuse(line),
  );
  #last = null; // {frame, pictures, at}: what was drawn last
  #asked = []; // the outputs that are looked at
  #streams = false;
  #refuse;
  #changed;

  /** `refuse(text)` is told why an output is not shown; `changed(key)` which one is, "" when none. */
  constructor(refuse, changed) {
    [this.#refuse, this.#changed] = [refuse, changed];
    this.#screen.prepend(this.#video, ...this.#panes.map((pane) => pane.element));
    byId("view").addEventListener("change", () => this.#show());
    byId("output").addEventListener("change", () => this.#show());
    byId("beside").addEventListener("change", () => this.#show());
    this.#video.addEventListener("resize", () => this.#shape(this.#video.videoWidth / this.#video.videoHeight));
    new ResizeObserver(() => this.#show()).observe(this.#screen);
  }

  /** Take a graph; `streams`: whether its result comes as a video. */
  load(graph, streams) {
    [this.#graph, this.#streams] = [graph, streams];
    const before = byId("output").value;
    byId("output").replaceChildren(...graph.stages.flatMap((stage) => options(stage)));
    byId("output").value = before;
    if (byId("output").selectedIndex < 0) byId("output").selectedIndex = 0;
    this.#offer("wipe", graph.before && graph.after);
    this.#offer("output", byId("output").options.length);
    this.#offer("result", streams || graph.after);
    byId("bar").hidden = false;
    this.#show();
  }

  /** Show one output, named "stage.port". */
  show(key) {
    byId("output").value = key;
    this.#radio("output").checked = true;
    this.#show();
  }

  /** Whether the result itself is what is seen, so that who points at it points into the result. */
  get isResult() {
    return this.#view() === "result";
  }

  /** Whether pictures have come lately, where they do not come as a video. */
  get live() {
    return this.#last !== null && performance.now() - this.#last.at < FRESH;
  }

  get size() {
    return this.#last && [this.#last.pictures.at(-1).width, this.#last.pictures.at(-1).height];
  }

  /** Connect anew what was lost. */
  keep() {
    this.#look.keep();
  }

  #radio(value) {
    return byId("view").querySelector(`[value="${value}"]`);
  }

  #view() {
    return byId("view").querySelector(":checked")?.value ?? "result";
  }

  #offer(value, there) {
    const radio = this.#radio(value);
    radio.parentElement.hidden = !there;
    if (radio.checked && !there) (byId("view").querySelector("label:not([hidden]) input") ?? radio).checked = true;
  }

  #show() {
    const [view, { before, after }, of] = [this.#view(), this.#graph, byId("output").value];
    const beside = view === "output" && byId("beside").checked && Boolean(after) && of !== after;
    let show = view === "wipe" ? [before, after] : view === "output" ? (beside ? [after, of] : [of]) : [after];
    if (view === "result" && this.#streams) show = [];
    show = show.filter(Boolean);
    byId("choice").hidden = view !== "output";
    this.#wipe.shown = view === "wipe";
    this.#screen.classList.toggle("beside", beside);
    this.#screen.classList.toggle("looks", show.length > 0);
    this.#panes[0].element.hidden = !show.length;
    this.#panes[1].element.hidden = !beside;
    this.#panes[0].label = view === "wipe" ? "" : name(show[0], after);
    this.#panes[1].label = beside ? of : "";
    const width = Math.ceil(this.#panes[0].width / STEP) * STEP;
    this.#asked = show;
    this.#look.at(show, Math.min(Math.max(width, 160), WIDEST));
    this.#changed(view === "output" ? of : "");
  }

  #took(frame, pictures) {
    this.#last = { frame, pictures, at: performance.now() };
    byId("empty").hidden = true;
    if (pictures[0].bitmap) this.#shape(pictures[0].width / pictures[0].height);
    this.#draw();
  }

  #draw() {
    if (!this.#last || this.#last.pictures.length !== this.#asked.length) return;
    const { frame, pictures } = this.#last;
    if (pictures.some(({ of }, n) => of !== this.#asked[n])) return; // those of another view, that was left
    if (this.#view() === "wipe") return this.#panes[0].split(...pictures, this.#wipe.share, frame);
    pictures.forEach((picture, n) => this.#panes[n].draw(picture, frame));
  }

  #shape(ratio) {
    if (ratio > 0) this.#screen.style.setProperty("--ratio", ratio);
  }
}

function options({ name, outputs }) {
  const shown = outputs.filter(({ shows }) => shows);
  if (!shown.length) return [];
  const made = shown.map(({ port }) => new Option(`${name}.${port}`, `${name}.${port}`));
  return [make("optgroup", { label: name }, ...made)];
}

const name = (key, after) => (key === after ? "Result" : key ?? "");
