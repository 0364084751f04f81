// What was done to a label, to be undone without limit. Polygons stay what they are and may be changed afterwards.

import { difference } from "./raster.js";

export class History {
  #patches = []; // for each operation, the pixels that it changed as they were before
  #done = []; // commands: at `at`, operation `before` (or none) became `after` (or none)
  #undone = [];

  constructor(raster) {
    this.raster = raster;
    this.ops = [];
    this.touched = null; // the rectangle that the last command has changed; null where it changed nothing
  }

  get canUndo() {
    return this.#done.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** Do one more operation. */
  add(op) {
    this.#run({ at: this.ops.length, before: null, after: op });
  }

  /** Do an earlier operation differently; what came later is done again on top of it. */
  change(at, op) {
    this.#run({ at, before: this.ops[at], after: op });
  }

  undo() {
    if (!this.canUndo) return false;
    const command = this.#done.pop();
    this.#replace(command.at, command.after, command.before);
    this.#undone.push(command);
    return true;
  }

  redo() {
    if (!this.canRedo) return false;
    const command = this.#undone.pop();
    this.#replace(command.at, command.before, command.after);
    this.#done.push(command);
    return true;
  }

  #run(command) {
    this.#replace(command.at, command.before, command.after);
    this.#done.push(command);
    this.#undone = [];
  }

  #replace(at, old, fresh) {
    this.touched = null;
    const later = this.ops.slice(at + (old ? 1 : 0));
    while (this.ops.length > at) this.#takeBack();
    for (const op of fresh ? [fresh, ...later] : later) this.#apply(op);
  }

  #apply(op) {
    const before = this.raster.data.slice();
    this.raster.apply(op);
    const patch = difference(before, this.raster.data, this.raster.width);
    this.#patches.push(patch);
    this.ops.push(op);
    this.#touch(patch);
  }

  #takeBack() {
    this.ops.pop();
    const patch = this.#patches.pop();
    this.#touch(patch);
    if (!patch) return;
    for (let y = 0; y < patch.height; y++) {
      const row = patch.pixels.subarray(y * patch.width, (y + 1) * patch.width);
      this.raster.data.set(row, (patch.y + y) * this.raster.width + patch.x);
    }
  }

  #touch(patch) {
    const old = this.touched ?? patch;
    if (!patch) return;
    const [x, y] = [Math.min(old.x, patch.x), Math.min(old.y, patch.y)];
    const right = Math.max(old.x + old.width, patch.x + patch.width);
    const bottom = Math.max(old.y + old.height, patch.y + patch.height);
    this.touched = { x, y, width: right - x, height: bottom - y };
  }
}
