// One setting: its field, what it means, from which frame it holds, why it was refused, and the way back.

import { announce } from "./notices.js";
import { make, prose, words, write } from "./element.js";
import { field } from "./field.js";
import { post } from "./server.js";

export class Setting {
  element;
  #target;
  #name;
  #value;
  #file;
  #field;
  #told;
  #reset;
  #waiting = []; // the value to be sent next: of those that come while one is under way only the last is sent
  #busy = false;

  /** `about` is an entry of `/api/controls`: stage, param, value, the graph file's value, and schema. */
  constructor({ stage, param, value, file = value, schema }) {
    const id = `set-${stage}-${param}`;
    this.#target = `${stage}.${param}`;
    [this.#value, this.#file] = [value, file];
    this.#name = words(param);
    this.#field = field(schema, value, id, (changed) => this.#send(changed));
    const label = make(this.#field ? "label" : "b", { id: `${id}-label`, className: "label", textContent: this.#name });
    const about = prose(schema.description ?? "", { id: `${id}-about`, className: "about" });
    this.#told = make("p", { id: `${id}-told`, className: "told", hidden: true });
    this.#reset = make("button", { type: "button", className: "reset", textContent: "Reset" });
    this.#reset.addEventListener("click", () => this.#back());
    const parts = this.#field ? this.#labelled(label, id) : [make("code", { textContent: JSON.stringify(value) })];
    const head = make("span", { className: "head" }, label, this.#reset);
    this.element = make("div", { className: "setting" }, head, ...parts, about, this.#told);
    this.element.dataset.target = this.#target;
    if (schema.slow) about.append(" Takes a moment: something is loaded for it.");
    this.#mark();
  }

  /** The value to be set for it to be as in the graph's file; undefined when it is. */
  get back() {
    return JSON.stringify(this.#value) === JSON.stringify(this.#file) ? undefined : this.#file;
  }

  get target() {
    return this.#target;
  }

  /** Show a value that holds from a frame on, whoever has set it. */
  take(value, frame) {
    this.#value = value;
    if (this.#busy || this.#waiting.length) return; // the answer to the newest value is yet to come
    if (!this.#field) return;
    this.#field.show(value);
    this.#tell(typeof frame === "number" ? `holds from frame ${frame.toLocaleString("en")}` : frame);
    this.#mark();
  }

  #labelled(label, id) {
    const { entry, elements } = this.#field;
    if (entry.localName !== "div") label.htmlFor = id;
    entry.setAttribute("aria-describedby", `${id}-about ${id}-told`);
    for (const it of elements.flatMap((it) => [it, ...it.querySelectorAll("*")])) {
      if (it.matches("[type=range], [role=radiogroup], fieldset")) it.setAttribute("aria-labelledby", label.id);
    }
    return elements;
  }

  async #send(value) {
    this.#waiting = [value];
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#waiting.length) {
        const [next] = this.#waiting;
        this.#waiting = [];
        await this.#set(next);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #set(value) {
    try {
      const { frame, message } = await post("/api/set", { [this.#target]: value });
      this.#value = value;
      if (this.#waiting.length) return;
      this.#field.show(value);
      this.#tell(message ?? `holds from frame ${frame.toLocaleString("en")}`);
      announce(`${this.#target.replace(".", " ")} ${value}: ${this.#told.textContent}`);
    } catch (error) {
      if (this.#waiting.length) return;
      this.#field.show(this.#value);
      this.#tell(error.message, true);
    } finally {
      this.#mark();
    }
  }

  #back() {
    this.#field.entry.querySelector?.("input")?.focus() ?? this.#field.entry.focus();
    this.#send(this.#file);
  }

  #tell(text, refused = false) {
    this.#told.hidden = false;
    this.#told.role = refused ? "alert" : null;
    this.#told.classList.toggle("refused", refused);
    write(this.#told, text);
    if (this.#field.entry.localName !== "div") this.#field.entry.ariaInvalid = refused ? "true" : null;
  }

  #mark() {
    const changed = this.back !== undefined;
    this.#reset.hidden = !changed || !this.#field;
    this.element.classList.toggle("changed", changed);
    const file = typeof this.#file === "object" ? JSON.stringify(this.#file) : this.#file;
    this.#reset.title = `As in the graph's file: ${file}`;
    this.#reset.ariaLabel = `Reset ${this.#name} to ${file}, as in the graph's file`;
  }
}
