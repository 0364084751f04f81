// The background: pictures of the gallery, colours, and pictures of one's own, chosen, dropped or pasted.

import { byId, make, write } from "./element.js";
import { get, post, send } from "./server.js";

const COLOURS = {
  White: "#ffffff",
  Stone: "#c9ccd3",
  Slate: "#3b4252",
  Ink: "#0b1220",
  Sky: "#8ec5ff",
  Green: "#00b140",
};

export class Gallery {
  #target = ""; // what a choice sets, such as replace.background

  constructor() {
    byId("picture").addEventListener("change", ({ target }) => {
      this.#send(target.files[0]);
      target.value = "";
    });
    addEventListener("paste", ({ clipboardData }) => this.#send(pictures(clipboardData)[0]));
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", ({ relatedTarget }) => relatedTarget ?? byId("backgrounds").classList.remove("over"));
    addEventListener("drop", (event) => {
      if (!this.#over(event)) return;
      byId("backgrounds").classList.remove("over");
      this.#send(pictures(event.dataTransfer)[0]);
    });
  }

  /** Fill it from the server; nothing is shown of a graph that has no background to choose. */
  async load(target) {
    const found = await get("/api/backgrounds");
    byId("backgrounds").hidden = found.value === null;
    if (found.value === null) return;
    this.#target = target;
    const tiles = found.gallery.map((name) => this.#tile(`gallery:${name}`, name, words(name)));
    const sent = (found.sent ?? []).map((key, n) => this.#tile(key, key, `Yours ${n + 1}`));
    byId("gallery").replaceChildren(...tiles, ...sent);
    const swatches = Object.entries(COLOURS).map(([name, colour]) => this.#swatch(name, colour));
    byId("colours").replaceChildren(...swatches, this.#other(found.value));
    this.#mark(found.value);
  }

  /** Take values that hold now. */
  take({ values }) {
    if (this.#target in values) this.#mark(values[this.#target]);
  }

  #mark(value) {
    const inputs = [...document.getElementsByName("background")];
    for (const input of inputs) input.checked = input.value === value;
    const unknown = !inputs.some(({ checked }) => checked) && String(value).startsWith("sent:");
    if (unknown) this.load(this.#target); // another window has sent it
  }

  #radio(value, label) {
    const input = make("input", { type: "radio", name: "background", value, ariaLabel: label });
    input.addEventListener("change", () => this.#choose(value));
    return input;
  }

  #tile(value, name, label) {
    const src = `/api/backgrounds/${encodeURIComponent(name)}`;
    const picture = make("img", { src, alt: "", width: 160, height: 90 });
    return make("label", {}, this.#radio(value, label), make("span", {}, picture), make("b", { textContent: label }));
  }

  #swatch(name, colour) {
    const spot = make("span", { title: name });
    spot.style.background = colour;
    return make("label", {}, this.#radio(colour, name), spot);
  }

  #other(value) {
    const name = "Another colour";
    const other = make("input", { type: "color", ariaLabel: name, title: name });
    other.value = /^#[0-9a-f]{6}$/i.test(value) ? value : "#7a5cff";
    other.addEventListener("input", () => this.#choose(other.value));
    return make("label", {}, other);
  }

  async #choose(value) {
    try {
      await post("/api/background", { value });
      this.#mark(value);
      this.#tell("");
    } catch (error) {
      this.#tell(error.message, true);
    }
  }

  /** Say that a picture may be dropped here; false where what is dragged is none, or there is nothing to choose. */
  #over(event) {
    const takes = this.#target && [...event.dataTransfer.items].some(({ kind }) => kind === "file");
    if (takes) event.preventDefault();
    byId("backgrounds").classList.toggle("over", takes);
    return takes;
  }

  async #send(file) {
    if (!file || !this.#target) return;
    this.#tell(`Sending ${file.name}…`);
    try {
      await send("/api/picture", file);
      await this.load(this.#target);
      this.#tell(`${file.name} is the background now.`);
    } catch (error) {
      this.#tell(error.message, true);
    }
  }

  #tell(text, refused = false) {
    byId("sent").classList.toggle("refused", refused);
    write(byId("sent"), text);
  }
}

const pictures = ({ files }) => [...files].filter(({ type }) => type.startsWith("image/"));
const words = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("-", " ");
