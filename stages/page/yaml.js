// The graph as YAML, with the values as they are now: copied, shown where copying is refused, or saved as a file.

import { announce, notify } from "./notices.js";
import { byId } from "./element.js";

/** Make the two buttons work. */
export function yaml() {
  byId("copy").addEventListener("click", copy);
  byId("yaml-close").addEventListener("click", () => byId("yaml").close());
}

async function copy() {
  let text = "";
  try {
    const answer = await fetch("/api/graph.yaml");
    text = await answer.text();
    if (!answer.ok) throw new Error(JSON.parse(text).error);
  } catch (error) {
    return notify(error.message, true);
  }
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return show(text); // no clipboard without HTTPS, or it was not allowed
  }
  copied(text.split("\n").length - 1);
}

function copied(lines) {
  const before = byId("copy").textContent;
  byId("copy").textContent = "Copied";
  announce(`Copied ${lines} lines of YAML`);
  setTimeout(() => (byId("copy").textContent = before), 2000);
}

function show(text) {
  byId("yaml-text").value = text;
  byId("yaml").showModal();
  byId("yaml-text").select();
}
