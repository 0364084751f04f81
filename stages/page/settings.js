// All settings, a group for each stage: its outputs, its actions, and every parameter that may change while it runs.

import { byId, make, prose } from "./element.js";
import { Action } from "./action.js";
import { notify } from "./notices.js";
import { Setting } from "./setting.js";
import { post } from "./server.js";

const EVERY = {
  type: "integer",
  minimum: 1,
  unit: "frames",
  description: "It runs at one of so many; its last output is used meanwhile.",
};

export class Settings {
  #settings = new Map(); // by "stage.param"
  #groups = new Map(); // by stage: its details element
  #look;

  /** `look(key)` shows an output. */
  constructor(look) {
    this.#look = look;
    byId("back").addEventListener("click", () => this.#back());
  }

  load({ stages }, { controls, actions }) {
    const before = [...this.#groups].filter(([, group]) => group.open).map(([name]) => name);
    const open = new Set(this.#groups.size ? before : usual(stages, actions));
    this.#settings.clear();
    this.#groups.clear();
    for (const stage of stages) {
      const own = ({ stage: name }) => name === stage.name;
      const settings = controls.filter(own).map((it) => new Setting(it));
      if (stage.every !== null && stage.every !== undefined) {
        const { name, every: value, every_file: file } = stage;
        settings.push(new Setting({ stage: name, param: "every", value, file, schema: EVERY }));
      }
      const buttons = actions.filter((it) => own(it) && !isPointer(it)).map((it) => new Action(it).element);
      for (const it of settings) this.#settings.set(it.target, it);
      this.#groups.set(stage.name, this.#group(stage, settings, buttons));
    }
    for (const [name, group] of this.#groups) group.open = open.has(name);
    byId("groups").replaceChildren(...this.#groups.values());
    byId("settings").hidden = false;
    this.#offerBack();
  }

  /** Take values that hold from a frame on. */
  take({ values, frame }) {
    for (const [target, value] of Object.entries(values)) this.#settings.get(target)?.take(value, frame);
    this.#offerBack();
  }

  /** Open a stage's group and bring it into view, and the cursor too where keys are used. */
  open(name, byKey) {
    const group = this.#groups.get(name);
    if (!group) return;
    for (const [stage, it] of this.#groups) {
      it.classList.toggle("chosen", stage === name);
      if (stage === name) it.open = true;
    }
    if (byKey) group.querySelector("summary").focus();
    group.scrollIntoView({ block: "nearest" });
  }

  /** Mark the button of the output that is shown. */
  mark(key) {
    for (const button of byId("groups").querySelectorAll(".outputs button")) {
      button.ariaPressed = String(button.dataset.key === key);
    }
  }

  #group({ name, use, description, outputs }, settings, actions) {
    const heading = make("h3", {}, name, " ", make("span", { className: "small", textContent: use }));
    const parts = [prose(description, { className: "about" })];
    if (actions.length) parts.push(make("div", { className: "actions" }, ...actions));
    parts.push(...settings.map((it) => it.element));
    if (outputs.length) parts.push(this.#outputs(name, outputs));
    const inside = make("div", { className: "inside" }, ...parts);
    const group = make("details", { className: "stage" }, make("summary", {}, heading), inside);
    group.dataset.stage = name;
    return group;
  }

  #outputs(stage, outputs) {
    const lines = outputs.map(({ port, type, about, shows }) => {
      const key = `${stage}.${port}`;
      const button = make("button", { type: "button", textContent: `Show ${port}`, ariaPressed: "false" });
      button.dataset.key = key;
      button.addEventListener("click", () => this.#look(key));
      const text = make("span", { className: "small", textContent: about ? `${type}: ${about}` : type });
      return make("li", {}, shows ? button : make("b", { textContent: port }), " ", text);
    });
    return make("div", { className: "outputs" }, make("h4", { textContent: "Outputs" }), make("ul", {}, ...lines));
  }

  #offerBack() {
    byId("back").hidden = ![...this.#settings.values()].some(({ back }) => back !== undefined);
  }

  /** Set everything back to what the graph's file says, all at once. */
  async #back() {
    const changed = [...this.#settings.values()].filter(({ back }) => back !== undefined);
    const values = Object.fromEntries(changed.map(({ target, back }) => [target, back]));
    try {
      const { frame, message } = await post("/api/set", values);
      this.take({ values, frame: frame ?? message });
    } catch (error) {
      notify(error.message, true);
    }
  }
}

/** The stages that are open at first: those with something to do, and those that make the result. */
function usual(stages, actions) {
  const active = new Set(actions.filter((it) => !isPointer(it)).map(({ stage }) => stage));
  const found = stages.filter(({ name, use }) => active.has(name) || use.startsWith("compose."));
  return (found.length ? found : stages.slice(0, 1)).map(({ name }) => name);
}

/** What the pointer on the picture does is no button. */
const isPointer = ({ use, action }) => use === "ui.buttons" && action === "point";
