// The pictures of the set as small ones in a row, each with how far it is.

import { thumbnail } from "./server.js";

const WORDS = {
  "": "unlabelled",
  prelabelled: "pre-labelled",
  draft: "not saved yet",
  done: "done",
  empty: "background only",
  fault: "cannot be read",
};
export const words = (entry) => WORDS[entry.state] ?? entry.state;
export const finished = ({ state }) => state === "done" || state === "empty";

/** Fill the strip; `open(n)` is called for the one that is chosen. */
export class Strip {
  constructor(list, open) {
    Object.assign(this, { list, open, buttons: [], names: "" });
  }

  show(entries, current) {
    const names = entries.map(({ name, seen }) => `${name} ${seen}`).join("\n");
    if (names !== this.names) this.#make(entries);
    this.names = names;
    entries.forEach((entry, n) => {
      const button = this.buttons[n];
      button.dataset.state = entry.state;
      button.ariaLabel = `${entry.name}, ${words(entry)}`;
      button.title = button.ariaLabel;
      if (n === current) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  /** Have the current one in sight. */
  reveal(current) {
    this.buttons[current]?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  #make(entries) {
    this.buttons = entries.map((entry, n) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      const picture = Object.assign(document.createElement("img"), { alt: "", loading: "lazy", width: 96, height: 72 });
      if (entry.state !== "fault") picture.src = thumbnail(entry);
      const name = Object.assign(document.createElement("span"), { textContent: entry.name });
      button.append(picture, name);
      button.addEventListener("click", () => this.open(n));
      return button;
    });
    this.list.replaceChildren(...this.buttons.map((button) => {
      const item = document.createElement("li");
      item.append(button);
      return item;
    }));
  }
}
