// The label of one picture while it is worked on: where it began, what was done, and that none of it is lost.

import { History } from "./history.js";
import { png } from "./png.js";
import { Raster } from "./raster.js";
import { discard, pixels, write } from "./server.js";

const PAUSE = 1000; // ms before a draft that could not be sent is sent again

/** `changed` is called whenever `state`, `origin` or `trouble` is another. */
export class Work {
  #wanted = false; // there is something that the server does not have
  #sending = null;
  #base = ""; // the saved label that this is a change of
  #draft = ""; // the draft on the server

  constructor(entry, changed) {
    this.entry = entry;
    this.changed = changed;
    this.raster = new Raster(entry.width, entry.height);
    this.history = new History(this.raster);
    this.origin = ""; // what it began with: "draft", "label", "prelabel" or nothing
    this.trouble = null;
    this.closed = false;
  }

  get safe() {
    return !this.#wanted && !this.#sending;
  }

  get started() {
    return this.history.ops.length > 0;
  }

  /** Begin with the draft, else with the label. */
  async load() {
    const draft = await pixels("draft", this.entry.name);
    const label = draft ? null : await pixels("label", this.entry.name);
    if (draft) [this.#draft, this.#base] = [draft.version, draft.base];
    if (label) this.#base = label.version;
    if (draft || label) this.begin((draft ?? label).data, draft ? "draft" : "label");
    return this;
  }

  begin(data, origin) {
    if (data.length !== this.raster.data.length) return;
    this.raster.data.set(data);
    this.origin = origin;
    this.changed(this);
  }

  /** Have the server keep what is drawn; whatever comes while it is sent is sent after it. */
  keep() {
    this.#wanted = true;
    this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
      this.changed(this);
    });
    this.changed(this);
    return this.#sending;
  }

  async #send() {
    while (this.#wanted && !this.closed) {
      this.#wanted = false;
      try {
        const { name } = this.entry;
        const drop = !this.started && this.origin !== "draft";
        const told = drop ? await discard(name, this.#draft) : await write("draft", name, await png(this.raster), this.#draft, this.#base);
        this.#draft = told.version;
        this.entry.state = told.state;
        this.trouble = null;
      } catch (error) {
        this.#wanted = true;
        this.trouble = error;
        if (error.status) return;
        this.changed(this);
        await new Promise((done) => setTimeout(done, PAUSE));
      }
    }
  }

  /** Save the label; raises Refused, with status 412 when somebody else has saved another one. */
  async save() {
    while (this.#sending) await this.#sending;
    const told = await write("label", this.entry.name, await png(this.raster), this.#base);
    this.#wanted = false;
    [this.#base, this.#draft] = [told.version, ""];
    this.entry.state = told.state;
    this.origin = "label";
    this.trouble = null;
    this.history = new History(this.raster);
    this.changed(this);
  }

  /** From now on this is a change of what the server has, whoever made that. */
  async adopt() {
    const { name } = this.entry;
    this.#base = (await pixels("label", name).catch(() => null))?.version ?? "";
    this.#draft = (await pixels("draft", name))?.version ?? "";
  }

  /** Forget what was drawn here; what is saved counts. */
  async drop() {
    [this.#wanted, this.closed] = [false, true];
    await this.adopt();
    if (this.#draft) await discard(this.entry.name, this.#draft);
  }
}
