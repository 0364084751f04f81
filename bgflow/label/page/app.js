// The page: one picture after the other, what is done with each, and in words how it stands.

import { isTool, isView, listen, press } from "./commands.js";
import { decoded, remember, remembered } from "./memory.js";
import { about, picture, pixels } from "./server.js";
import { Strip, finished } from "./strip.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";
import { Work } from "./work.js";

const STEP = 1.25; // of zoom and of the brush's size
const byId = (id) => document.getElementById(id);
const canvas = byId("canvas");

let set = null; // what /api/set told
let current = -1; // the picture on screen
let work = null; // its label
let opening = 0; // counts, so that a picture which comes late is not shown
let asking = null; // what ends the asking for a pre-label

const view = new View(canvas);
const tools = new Tools(view, {
  work: () => work,
  add: (op) => changed(() => work.history.add(op)),
  change: (at, op) => changed(() => work.history.change(at, op)),
  moved: () => remember(set.folder, work.entry, tools.outline),
});
const strip = new Strip(byId("strip"), (n) => open(n));

function tell(text) {
  byId("alert").textContent = text;
  byId("alert").hidden = false;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (byId("alert").hidden = true), 7000);
}

/** Do something to the label, show it, and have the server keep it. */
function changed(what) {
  what();
  if (work.history.touched) view.refresh(work.history.touched);
  else view.draw();
  work.keep();
}

async function open(n, again = false) {
  if (!set.pictures[n] || (n === current && !again)) return;
  tools.lift();
  const turn = ++opening;
  if (work && !work.safe) await Promise.race([work.keep(), new Promise((done) => setTimeout(done, 3000))]);
  const entry = set.pictures[n];
  let [found, fresh] = [null, null];
  try {
    if (entry.fault) throw new Error(entry.fault);
    fresh = new Work(entry, show);
    [found] = await Promise.all([decoded(entry), fresh.load().catch((error) => tell(error.message))]);
  } catch (error) {
    tell(error.message);
    if (work) return;
  }
  if (turn !== opening) return;
  if (work) work.closed = work.safe;
  asking?.abort();
  [current, work] = [n, found && fresh];
  location.replace(`#${encodeURIComponent(entry.name)}`);
  tools.outline.resume(found ? remembered(set.folder, entry) : {});
  tools.cursor = null;
  if (found) view.show(found, work.raster);
  if (found && !work.origin) prelabel(work);
  strip.show(set.pictures, current);
  strip.reveal(current);
  show(work);
  const next = set.pictures[n + 1];
  if (next && !next.fault) decoded(next).catch(() => {});
}

/** Begin with the pre-label, unless the person has begun already. */
async function prelabel(asked) {
  if (!set.prelabel) return;
  const control = (asking = new AbortController());
  asked.waiting = true;
  show(work);
  const made = await pixels("prelabel", asked.entry.name, control.signal).catch(() => null);
  asked.waiting = false;
  if (made && asked === work && !work.started && !work.origin) {
    work.begin(made.data, "prelabel");
    view.refresh();
  }
  show(work);
}

/** How it stands: the label's state, buttons, figures. */
function show(of) {
  if (of !== work || !set) return;
  const entry = set.pictures[current];
  const done = set.pictures.filter(finished).length;
  byId("progress").max = set.pictures.length;
  byId("progress").value = done;
  byId("done").textContent = `${done} of ${set.pictures.length} done`;
  byId("name").textContent = entry?.name ?? "";
  byId("place").textContent = entry ? `${current + 1} / ${set.pictures.length}` : "";
  byId("size-of").textContent = entry?.width ? `${entry.width} × ${entry.height}` : "";
  document.title = entry ? `${entry.name} – bgflow label` : "bgflow label";
  if (work?.trouble?.status === 412 && conflict.of !== work.trouble) {
    conflict.of = work.trouble;
    conflict(work.trouble.message, () => work.keep());
  }
  const [kind, text] = standing(entry);
  byId("state").dataset.state = kind;
  if (byId("state").textContent !== text) byId("state").textContent = text;
  byId("undo").disabled = !work?.history.canUndo;
  byId("redo").disabled = !work?.history.canRedo;
  byId("copy").disabled = current <= 0;
  byId("prelabel").disabled = !set.prelabel;
  document.querySelector('[data-command="difference"]').disabled = !set.plate;
  canvas.ariaLabel = `${entry?.name ?? "No picture"}: ${text}. Tab here for a cursor: arrows move it, Space draws, Enter closes a polygon.`;
  strip.show(set.pictures, current);
}

function standing(entry) {
  if (!work) return ["bad", entry?.fault || "No picture"];
  if (work.trouble?.status === 0) return ["bad", "Not kept: the server does not answer. Trying again…"];
  if (work.trouble) return ["bad", `Not kept: ${work.trouble.message}`];
  if (work.started || entry.state === "draft") return work.safe ? ["draft", "Draft kept, not accepted yet"] : ["wait", "Keeping the draft…"];
  if (entry.state === "empty") return ["live", "Saved: background only"];
  if (entry.state === "done") return ["live", "Saved"];
  if (work.origin === "prelabel") return ["draft", "Pre-labelled: accept it, or mend it first"];
  return work.waiting ? ["wait", "Pre-label on its way…"] : ["wait", "Unlabelled"];
}

/** Save what is drawn; true when it is saved. */
async function save() {
  if (!work) return false;
  tools.lift();
  tools.outline.close(tools.tool === "hole");
  tools.outline.cancel();
  try {
    await work.save();
    return true;
  } catch (error) {
    if (error.status === 412) conflict(error.message, async () => (await save()) && onward());
    else tell(`Not saved: ${error.message}`);
    return false;
  } finally {
    show(work);
  }
}

/** Somebody else has changed it: the person decides; `again` is what keeps this one. */
function conflict(text, again) {
  byId("conflict-text").textContent = text;
  byId("mine").onclick = async () => {
    byId("conflict").close();
    await work.adopt();
    again();
  };
  if (!byId("conflict").open) byId("conflict").showModal();
}

/** The next picture that is not done, or simply the next one. */
function onward() {
  const order = [...set.pictures.keys()].map((n) => (current + 1 + n) % set.pictures.length);
  const next = order.find((n) => !finished(set.pictures[n]) && !set.pictures[n].fault);
  if (next === undefined) tell(`All ${set.pictures.length} pictures are labelled.`);
  else open(next);
}

const put = (data) => changed(() => work.history.add({ kind: "copy", data }));

async function fromPrelabel() {
  const asked = work;
  const made = await pixels("prelabel", asked.entry.name).catch((error) => tell(error.message));
  if (asked !== work) return;
  if (made) put(made.data);
  else if (made === null) tell("There is no pre-label for this picture.");
}

async function fromPrevious() {
  const [asked, before] = [work, set.pictures[current - 1]];
  if (!before || before.fault) return;
  if (before.width !== asked.entry.width || before.height !== asked.entry.height) return tell("The previous picture has another size.");
  for (const kind of ["draft", "label", "prelabel"]) {
    const found = await pixels(kind, before.name).catch(() => null);
    if (asked !== work) return;
    if (found) return put(found.data);
  }
  tell("The previous picture has no label yet.");
}

const ACTIONS = {
  smaller: () => resize(tools.size / STEP - 1),
  larger: () => resize(tools.size * STEP + 1),
  finish: () => tools.outline.close(tools.tool === "hole") || (tools.outline.points.length ? tell("A polygon needs three points.") : ACTIONS.accept()),
  accept: async () => (await save()) && onward(),
  save,
  back: () => tools.outline.back(),
  cancel: () => tools.cancel(),
  undo: () => tools.outline.back() || (work?.history.canUndo && changed(() => work.history.undo())),
  redo: () => work?.history.canRedo && changed(() => work.history.redo()),
  band: () => changed(() => work.history.add({ kind: "band", size: tools.size })),
  invert: () => changed(() => work.history.add({ kind: "invert" })),
  clear: () => changed(() => work.history.add({ kind: "clear" })),
  nobody: async () => {
    tools.outline.cancel();
    changed(() => work.history.add({ kind: "clear" }));
    if (await save()) onward();
  },
  prelabel: fromPrelabel,
  copy: fromPrevious,
  next: () => open(current + 1),
  previous: () => open(current - 1),
  nearer: () => view.zoom(STEP),
  farther: () => view.zoom(1 / STEP),
  fit: () => view.fit(),
  help: () => byId("help").showModal(),
};

function run(name) {
  const drawing = tools.drawing && !["cancel", "smaller", "larger"].includes(name);
  if (drawing) tools.lift();
  if (isTool(name)) tools.choose(name);
  else if (isView(name)) look(name);
  else if (work || ["next", "previous", "help"].includes(name)) ACTIONS[name]();
  press(tools.tool, view.mode);
}

function look(mode) {
  if (mode === "difference" && !set.plate) return tell("The folder has no bkg.png to compare with.");
  view.mode = mode;
  if (work) view.refresh();
}

function resize(size) {
  tools.resize(size);
  byId("size").value = Math.sqrt(tools.size);
  byId("size-now").value = `${tools.size} px`;
}

/** Look for pictures that have come and states that have changed, as long as anything is on its way. */
async function watch() {
  for (;;) {
    await new Promise((done) => setTimeout(done, set?.pictures.some(({ waiting }) => waiting) ? 1000 : 4000));
    try {
      const told = await about();
      const name = set.pictures[current]?.name;
      const mine = new Map(set.pictures.map((it) => [it.name, it]));
      told.pictures = told.pictures.map((it) => Object.assign(mine.get(it.name)?.seen === it.seen ? mine.get(it.name) : {}, it));
      set = told;
      current = set.pictures.findIndex((it) => it.name === name);
      if (work && current >= 0 && set.pictures[current].seen !== work.entry.seen) await open(current, true);
      show(work);
    } catch {
      // the server is away; drafts say so
    }
  }
}

async function begin() {
  set = await about();
  byId("folder").textContent = set.folder;
  byId("note").textContent = set.note;
  byId("note").hidden = !set.note;
  if (set.plate) view.plate = await picture().catch(() => null);
  const wanted = set.pictures.findIndex(({ name }) => name === decodeURIComponent(location.hash.slice(1)));
  const first = set.pictures.findIndex((it) => !finished(it) && !it.fault);
  await open(Math.max(wanted, 0) || (wanted < 0 ? Math.max(first, 0) : 0));
  watch();
}

listen(run, tools, canvas);
byId("opacity").addEventListener("input", ({ target }) => {
  view.opacity = Number(target.value);
  view.draw();
});
byId("size").addEventListener("input", ({ target }) => resize(Number(target.value) ** 2));
for (const input of document.querySelectorAll("input[type=range]")) input.addEventListener("pointerup", () => input.blur());
byId("theirs").addEventListener("click", async () => {
  byId("conflict").close();
  await work.drop();
  open(current, true);
});
addEventListener("beforeunload", (event) => work && !work.safe && event.preventDefault());
resize(tools.size);
run("polygon");
begin().catch((error) => {
  byId("state").dataset.state = "bad";
  byId("state").textContent = error.message;
});
