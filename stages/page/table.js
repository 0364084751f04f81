// The same figures as tables, for those who do not see the drawing and for those who want all of them.

import { byId, make, write } from "./element.js";

export class Table {
  #cells = new Map(); // by stage: its cells that change
  #queues = "";

  load({ stages }) {
    this.#cells.clear();
    const lines = stages.map(({ name, use, inputs }) => {
      const cells = ["p50", "p95", "rate", "thread"].map(() => make("td", { textContent: "–" }));
      this.#cells.set(name, cells);
      const reads = inputs.map(({ from }) => from).filter(Boolean).join(", ");
      return make("tr", {}, make("th", { scope: "row", textContent: name }), cell(use), cell(reads || "–"), ...cells);
    });
    byId("stages").tBodies[0].replaceChildren(...lines);
  }

  figures({ stages, queues }) {
    for (const [name, [p50, p95, rate, thread]] of this.#cells) {
      const found = stages[name];
      write(p50, milliseconds(found?.p50));
      write(p95, milliseconds(found?.p95));
      write(rate, found ? found.rate.toFixed(1) : "–");
      write(thread, found?.thread ?? "–");
    }
    const told = JSON.stringify(queues);
    if (told === this.#queues) return;
    this.#queues = told;
    const lines = queues.map(({ from, to, level, size, dropped }) => {
      const name = make("th", { scope: "row", textContent: `${from} to ${to}` });
      return make("tr", {}, name, cell(`${level} of ${size}`), cell(dropped));
    });
    byId("queues").hidden = !queues.length;
    byId("queues").tBodies[0].replaceChildren(...lines);
  }
}

const cell = (textContent) => make("td", { textContent });
const milliseconds = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
