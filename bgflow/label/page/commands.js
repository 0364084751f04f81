// Every command by its name, with its keys: buttons, shortcuts and the help sheet are all made from this one table.

const TOOLS = ["polygon", "hole", "brush", "eraser", "unknown", "region"];
const VIEWS = ["overlay", "mask", "cutout", "difference"];

// name: [keys as shown, words, group]
export const COMMANDS = {
  polygon: ["V", "Polygon: click points, or drag a line", "Tools"],
  hole: ["H", "Hole: a polygon that takes away (Alt does it with any polygon)", "Tools"],
  brush: ["B", "Brush (Alt erases)", "Tools"],
  eraser: ["E", "Eraser (Alt paints)", "Tools"],
  unknown: ["U", "Unknown: paints the band of a trimap", "Tools"],
  region: ["R", "Region: a click removes a piece or fills a hole", "Tools"],
  smaller: ["[", "Smaller brush", "Tools"],
  larger: ["]", "Larger brush", "Tools"],
  finish: ["Enter", "Close the polygon; otherwise accept and go on", "Draw"],
  back: ["Backspace", "Take the last point back", "Draw"],
  cancel: ["Escape", "Drop the polygon or stroke", "Draw"],
  undo: ["Ctrl+Z", "Undo", "Draw"],
  redo: ["Ctrl+Shift+Z", "Redo", "Draw"],
  band: ["T", "Unknown band along the edge, as wide as the brush", "Draw"],
  invert: ["I", "Swap subject and background", "Draw"],
  clear: ["Delete", "Clear", "Draw"],
  prelabel: ["L", "Start again from the pre-label", "Draw"],
  copy: ["C", "Copy the label of the previous picture", "Draw"],
  accept: ["Enter", "Accept and go on", "Pictures"],
  save: ["Ctrl+S", "Save and stay", "Pictures"],
  nobody: ["N", "Background only: nobody is here", "Pictures"],
  next: ["→ or PageDown", "Next picture", "Pictures"],
  previous: ["← or PageUp", "Previous picture", "Pictures"],
  overlay: ["1", "Overlay", "View"],
  mask: ["2", "Mask only", "View"],
  cutout: ["3", "Cut-out", "View"],
  difference: ["4", "Difference to the plate", "View"],
  nearer: ["+", "Zoom in (wheel or pinch, too)", "View"],
  farther: ["-", "Zoom out", "View"],
  fit: ["0", "Fit the picture (space and drag pans)", "View"],
  help: ["?", "This sheet", "View"],
};

const KEYS = { "PageDown": "next", "PageUp": "previous", "=": "nearer", "F": "fit", "Ctrl+Y": "redo", "Enter": "finish" };
for (const [name, [keys]] of Object.entries(COMMANDS)) {
  if (name !== "accept" && !keys.includes(" or ")) KEYS[keys] = name;
}
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 10; // pixels that the cursor moves with Shift

/** Keys, buttons and the help sheet; `run(name)` does a command, `tools` has the keyboard's cursor. */
export function listen(run, tools, canvas) {
  for (const button of document.querySelectorAll("[data-command]")) {
    const [keys, words] = COMMANDS[button.dataset.command];
    button.title = `${words} (${keys})`;
    button.addEventListener("click", () => run(button.dataset.command));
  }
  addEventListener("keydown", (event) => pressed(event, run, tools, canvas));
  addEventListener("keyup", (event) => event.key === " " && (tools.space = false));
  addEventListener("blur", () => (tools.space = false));
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && tools.nudge(0, 0));
  canvas.addEventListener("blur", () => {
    tools.lift();
    tools.cursor = null;
  });
  sheet();
}

/** Show which tool and view are chosen. */
export function press(tool, view) {
  for (const name of [...TOOLS, ...VIEWS]) {
    const button = document.querySelector(`[data-command="${name}"]`);
    button.ariaPressed = String(name === tool || name === view);
  }
}

export const isTool = (name) => TOOLS.includes(name);
export const isView = (name) => VIEWS.includes(name);

function pressed(event, run, tools, canvas) {
  if (document.querySelector("dialog[open]") || event.defaultPrevented) return;
  const field = event.target.closest?.("input, select, textarea");
  const drawing = document.activeElement === canvas && tools.cursor;
  if (event.key === " ") return spaced(event, tools, drawing);
  if (event.key in ARROWS && !field) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key].map((it) => it * (event.shiftKey ? FAR : 1));
    if (drawing) tools.nudge(dx, dy);
    else if (dx) run(dx > 0 ? "next" : "previous");
    return;
  }
  if (event.key === "Enter" && event.target.closest?.("button, a, summary, [role=option]")) return; // it is what is pressed
  const name = KEYS[spelled(event)];
  if (!name || (field && ["PageUp", "PageDown", "Home", "End", "Enter"].includes(event.key))) return;
  event.preventDefault();
  run(name);
}

function spaced(event, tools, drawing) {
  if (event.target.closest?.("button, summary, input, select")) return;
  event.preventDefault();
  if (drawing) !event.repeat && tools.press(event);
  else tools.space = true;
}

/** A key as the table writes it. */
function spelled(event) {
  const letter = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const plain = !(event.ctrlKey || event.metaKey) || event.getModifierState("AltGraph"); // where [ is AltGr and 8
  return plain ? letter : `Ctrl+${event.shiftKey ? "Shift+" : ""}${letter}`;
}

function sheet() {
  const lists = new Map();
  for (const [keys, words, group] of Object.values(COMMANDS)) {
    if (!lists.has(group)) lists.set(group, Object.assign(document.createElement("dl"), { ariaLabel: group }));
    const row = document.createElement("div");
    const [term, means] = [document.createElement("dt"), document.createElement("dd")];
    term.append(Object.assign(document.createElement("kbd"), { textContent: keys }));
    means.textContent = words;
    row.append(term, means);
    lists.get(group).append(row);
  }
  for (const [group, list] of lists) {
    const section = document.createElement("section");
    section.append(Object.assign(document.createElement("h3"), { textContent: group }), list);
    document.getElementById("keys").append(section);
  }
}
