// One action of a stage: a button, with a field before it for each of its parameters.

import { make, prose, words, write } from "./element.js";
import { field } from "./field.js";
import { post } from "./server.js";

export class Action {
  element;
  #target;
  #values = {};
  #told = make("p", { className: "told", hidden: true });
  #busy = false;

  /** `about` is an entry of `/api/controls`: stage, action, description, parameters. */
  constructor({ stage, action, description, parameters }) {
    this.#target = `${stage}.${action}`;
    const id = `act-${stage}-${action}`;
    const fields = Object.entries(parameters).map(([name, schema]) => this.#parameter(name, schema, `${id}-${name}`));
    const button = make("button", { id, textContent: words(action) });
    const about = prose(description, { id: `${id}-about`, className: "about" });
    button.setAttribute("aria-describedby", about.id);
    this.element = make("form", { className: "action" }, ...fields, button, about, this.#told);
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#act();
    });
  }

  #parameter(name, schema, id) {
    const usual = schema.default ?? (schema.type === "string" ? "" : schema.type === "boolean" ? false : 0);
    this.#values[name] = usual;
    const made = field(schema, usual, id, (value) => (this.#values[name] = value));
    if (!made) return make("code", { textContent: `${name} ${JSON.stringify(usual)}` });
    const label = make("label", { id: `${id}-label`, className: "label", htmlFor: id, textContent: words(name) });
    for (const it of made.elements) if (it !== made.entry) it.setAttribute("aria-labelledby", label.id);
    return make("div", { className: "setting" }, label, ...made.elements);
  }

  async #act() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const { message } = await post("/api/act", { action: this.#target, values: this.#values });
      this.#tell(message || "done", false); // what it has to tell comes to everybody, as a notice
    } catch (error) {
      this.#tell(error.message, true);
    } finally {
      this.#busy = false;
    }
  }

  #tell(text, refused) {
    this.#told.hidden = false;
    this.#told.role = refused ? "alert" : null; // a message is read aloud as a notice
    this.#told.classList.toggle("refused", refused);
    write(this.#told, text);
  }
}
