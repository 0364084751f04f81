// How the graph keeps its goal: what is measured, what was given up for it, and why.

import { byId } from "./element.js";

let last = "";

/** Show the `slo` of a status; nothing where the graph has none. */
export function ladder(slo) {
  byId("slo").hidden = !slo;
  const told = JSON.stringify(slo ?? null);
  if (!slo || told === last) return; // a list that is read aloud is not made anew every second
  last = told;
  const now = slo.value_ms === null ? "–" : `${slo.value_ms.toFixed(0)} ms`;
  byId("slo-now").textContent = `${slo.quantile} ${now} of ${slo.goal_ms.toLocaleString()} ms`;
  const given = slo.rung ? `${slo.rung} of ${slo.lowest} steps down` : "full quality";
  const missed = `${given}; the goal is missed, nothing is left to be made cheaper`;
  byId("slo-rung").textContent = slo.missed ? missed : given;
  const lines = slo.steps.toReversed().map(({ at_s, what, why }) => {
    const line = document.createElement("li");
    line.textContent = `${at_s.toFixed(0)} s: ${what} (${why})`;
    return line;
  });
  byId("slo-steps").replaceChildren(...lines);
}
