// The graph drawn: its stages with what they cost, its links, and the queues between threads. A stage can be chosen.

import { byId, draw, write } from "./element.js";
import { BOX, layout, stageOf } from "./layout.js";

const LONGEST = { name: 17, use: 22 }; // characters that fit into a box
const SMALLEST = 0.78; // to which it is made smaller before it scrolls sideways
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export class Graph {
  #boxes = new Map(); // by stage: what its figures are written into
  #queues = []; // {from, to, group, text}: stages at both ends, where frames wait between them
  #chosen;

  /** `chosen(stage, byKey)` is called when somebody chooses a stage. */
  constructor(chosen) {
    this.#chosen = chosen;
  }

  load(graph) {
    const { width, height, boxes, lines } = layout(graph);
    const lane = draw("g", { class: "lines" });
    const queues = draw("g", { class: "queues" });
    const thread = Object.fromEntries(graph.stages.map((stage) => [stage.name, stage.thread]));
    const seen = new Set(); // the queues that are drawn: all links between two threads go over one
    this.#boxes.clear();
    this.#queues = [];
    for (const { from, to, queue, points } of lines) {
      lane.append(draw("path", { d: curve(points), class: queue ? "crosses" : "", "data-from": from, "data-to": to }));
      const ends = `${thread[stageOf(from)]} ${thread[stageOf(to)]}`;
      if (queue && !seen.has(ends)) this.#queue(stageOf(from), stageOf(to), points, queues);
      if (queue) seen.add(ends);
    }
    const image = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "group" }, lane, queues);
    Object.assign(image.style, { maxWidth: `${width}px`, minWidth: `${width * SMALLEST}px` });
    image.setAttribute("aria-label", `Graph ${graph.name}: choose a stage to see its settings`);
    for (const box of boxes) image.append(this.#box(box));
    byId("drawing").replaceChildren(image);
    byId("graph").hidden = false;
  }

  /** Mark a stage as the chosen one. */
  mark(name) {
    for (const [stage, { group }] of this.#boxes) group.setAttribute("aria-pressed", stage === name);
  }

  /** Put the cursor back where the stage was chosen. */
  focus(name) {
    this.#boxes.get(name)?.group.focus();
  }

  /** Write what was measured over the last second. */
  figures({ stages, queues }) {
    const highest = Math.max(1e-3, ...Object.values(stages).map(({ p95 }) => p95 ?? 0));
    for (const [name, { time, rate, bar }] of this.#boxes) {
      const { p95 = null, rate: often = 0 } = stages[name] ?? {};
      write(time, p95 === null ? "–" : `${p95.toPrecision(p95 < 10 ? 2 : 3)} ms`);
      write(rate, p95 === null ? "" : `${often.toFixed(often < 9.95 ? 1 : 0)}/s`);
      bar.setAttribute("width", p95 === null ? 0 : Math.max(2, ((BOX.width - 24) * p95) / highest));
    }
    for (const [n, { from, to, group, text, dropped }] of this.#queues.entries()) {
      const found = queues.find((it) => it.from === stages[from]?.thread && it.to === stages[to]?.thread);
      group.toggleAttribute("hidden", !found);
      if (!found) continue;
      const lost = found.dropped ? ` −${SHORT.format(found.dropped)}` : "";
      write(text, `${found.level}/${found.size}${lost}`);
      group.classList.toggle("drops", found.dropped > dropped);
      this.#queues[n].dropped = found.dropped;
    }
  }

  #box({ x, y, stage: { name, use, description } }) {
    const time = draw("text", { x: 12, y: 51, class: "time" }, "–");
    const rate = draw("text", { x: BOX.width - 12, y: 51, class: "rate" });
    const bar = draw("rect", { x: 12, y: BOX.height - 8, height: 3, width: 0, rx: 1.5, class: "bar" });
    const group = draw(
      "g",
      { transform: `translate(${x} ${y})`, role: "button", tabindex: 0, class: "stage", "data-stage": name },
      draw("title", {}, description ? `${use}: ${description}` : use),
      draw("rect", { width: BOX.width, height: BOX.height, rx: 10, class: "box" }),
      draw("text", { x: 12, y: 20, class: "name" }, cut(name, LONGEST.name)),
      draw("text", { x: 12, y: 35, class: "use" }, cut(use, LONGEST.use)),
      time,
      rate,
      bar,
    );
    group.setAttribute("aria-label", `${name}, ${use}`);
    group.setAttribute("aria-pressed", "false");
    group.addEventListener("click", () => this.#chosen(name, false));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      this.#chosen(name, true);
    });
    this.#boxes.set(name, { group, time, rate, bar });
    return group;
  }

  #queue(from, to, points, into) {
    const [x, y] = middle(points);
    const text = draw("text", { y: 4 });
    const pill = draw("rect", { x: -28, y: -10, width: 56, height: 20, rx: 10 });
    const group = draw("g", { transform: `translate(${x} ${y})`, hidden: "" }, pill, text);
    into.append(group);
    this.#queues.push({ from, to, group, text, dropped: Infinity });
  }
}

/** The middle of the first stretch between two columns. */
const middle = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2];

/** A line through points: level across a column, an S between two. */
function curve([[x, y], ...rest]) {
  const parts = [`M${x} ${y}`];
  for (const [n, [tx, ty]] of rest.entries()) {
    const half = (tx - x) / 2;
    parts.push(n % 2 ? `L${tx} ${ty}` : `C${x + half} ${y} ${tx - half} ${ty} ${tx} ${ty}`);
    [x, y] = [tx, ty];
  }
  return parts.join("");
}

const cut = (text, longest) => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);
