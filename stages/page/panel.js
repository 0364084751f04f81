// What may be changed while the graph runs: the background and the sliders.

import { get, post } from "./peer.js";

const COLOURS = { White: "#ffffff", Stone: "#c9ccd3", Slate: "#3b4252", Ink: "#0b1220", Sky: "#8ec5ff", Green: "#00b140" };
const make = (name, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};
const byId = (id) => document.getElementById(id);

/** Fill the panel from the server; `alert` shows a line of text. */
export async function panel(alert) {
  await Promise.all([backgrounds(alert), sliders(alert)]);
}

async function backgrounds(alert) {
  const found = await get("/api/backgrounds");
  if (found.value === null) return; // a graph without a background to choose
  const choose = (value) => post("/api/background", { value }).catch((error) => alert(error.message));
  const radio = (value, label) => {
    const input = make("input", { type: "radio", name: "background", value, ariaLabel: label });
    input.checked = value === found.value;
    input.addEventListener("change", () => choose(value));
    return input;
  };

  for (const name of found.gallery) {
    const picture = make("img", { src: `/api/backgrounds/${encodeURIComponent(name)}`, alt: "", width: 160, height: 90 });
    byId("gallery").append(make("label", {}, radio(`gallery:${name}`, name), make("span", {}, picture), make("b", { textContent: name })));
  }
  for (const [name, colour] of Object.entries(COLOURS)) {
    const swatch = make("span", { title: name });
    swatch.style.background = colour;
    byId("colours").append(make("label", {}, radio(colour, name), swatch));
  }
  const other = make("input", { type: "color", ariaLabel: "Another colour", title: "Another colour", value: "#7a5cff" });
  other.addEventListener("input", () => {
    for (const input of document.getElementsByName("background")) input.checked = false;
    choose(other.value);
  });
  byId("colours").append(make("label", {}, other));

  byId("picture").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    const answer = await fetch("/api/picture", { method: "POST", headers: { "Content-Type": file.type }, body: file });
    const told = await answer.json();
    if (!answer.ok) return alert(told.error);
    for (const input of document.getElementsByName("background")) input.checked = false;
  });
  byId("backgrounds").hidden = false;
}

async function sliders(alert) {
  const { controls } = await get("/api/controls");
  for (const it of controls) {
    const { type, slow, minimum: min, maximum: max, unit, description } = it.schema;
    if (slow || !["number", "integer"].includes(type) || min === undefined || max === undefined) continue;
    const name = `${it.stage}.${it.param}`;
    const step = type === "integer" ? 1 : 10 ** Math.floor(Math.log10((max - min) / 100));
    const main = it.use === "compose.blur";
    const id = `control-${name}`;
    const output = make("output", { htmlFor: id });
    const input = make("input", { id, type: "range", min, max, step, value: it.value, title: description });
    const told = () => (output.value = `${Number(input.value).toLocaleString()} ${unit}`.trim());
    let sending = Promise.resolve();
    input.addEventListener("input", () => {
      told();
      const value = Number(input.value);
      sending = sending.then(() => Number(input.value) === value && post("/api/set", { [name]: value })).catch((error) => alert(error.message));
    });
    told();
    const words = `${main ? "blur" : it.stage} ${it.param}`;
    const label = make("label", { htmlFor: id, textContent: sentence(words) });
    byId(main ? "sliders" : "more-sliders").append(make("div", { className: "slider" }, label, output, input));
    if (!main) byId("more").hidden = false;
    byId("controls").hidden = false;
  }
}

const sentence = (words) => words[0].toUpperCase() + words.slice(1).replaceAll("_", " ");
