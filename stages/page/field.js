// What a value is shown in and changed with, made from its schema: numbers, switches, choices, colours and texts.

import { make } from "./element.js";

const COLOUR = /^#[0-9a-f]{6}$/i;
const FEW = 4; // choices that are all shown; more are a list
const WIDE = 1e4; // of a range from whose ends' ratio on a slider is logarithmic
const TICKS = 1000; // of such a slider

/**
 * A field is {elements, entry, show(value)}: `entry` is what a label belongs to. `changed(value)` is called when
 * somebody changes it. Returns null for what cannot be changed here, such as lists.
 */
export function field(schema, value, id, changed) {
  const types = (schema.anyOf ?? [schema]).filter(({ type }) => type !== "null");
  const about = { ...schema, ...types[0] };
  const made = types.length === 1 && kind(about, value)?.(about, id, changed);
  if (!made) return null;
  const whole = schema.anyOf && types.length < schema.anyOf.length ? nullable(made, about, id, changed) : made;
  whole.show(value);
  return whole;
}

function kind({ type, enum: choices, default: usual }, value) {
  if (choices) return choices.length <= FEW ? radios : list;
  if (type === "boolean") return flip;
  if (type === "number" || type === "integer") return number;
  if (type === "string") return COLOUR.test(value) || COLOUR.test(usual) ? colour : text;
  return null;
}

function number(schema, id, changed) {
  const { low, high, step } = bounds(schema);
  const entry = make("input", { type: "number", id, step, min: low ?? "", max: high ?? "", inputMode: "decimal" });
  const unit = schema.unit ? [make("span", { className: "unit", textContent: schema.unit })] : [];
  let shown = 0;
  entry.addEventListener("change", () => {
    if (Number.isNaN(entry.valueAsNumber)) show(shown);
    else changed(entry.valueAsNumber);
  });
  const slider = low !== null && high !== null && !schema.slow ? range(low, high, step, schema.type, take) : null;
  function take(value) {
    entry.value = value;
    changed(value);
  }
  function show(value) {
    shown = value;
    entry.value = value ?? "";
    slider?.show(value);
  }
  const box = make("span", { className: "amount" }, entry, ...unit);
  return { elements: slider ? [box, slider.element] : [box], entry, show };
}

function range(low, high, step, type, take) {
  const wide = low > 0 && high / low > WIDE;
  const ends = wide ? { min: 0, max: TICKS } : { min: low, max: high, step };
  const element = make("input", { type: "range", ...ends });
  const place = (value) => (TICKS * Math.log(value / low)) / Math.log(high / low);
  const value = () => {
    if (!wide) return element.valueAsNumber;
    const found = low * (high / low) ** (element.valueAsNumber / TICKS);
    return type === "integer" ? Math.round(found) : Number(found.toPrecision(2));
  };
  const tell = () => wide && (element.ariaValueText = String(value()));
  element.addEventListener("input", () => {
    tell();
    take(value());
  });
  const show = (shown) => {
    element.value = wide ? place(shown) : shown;
    tell();
  };
  return { element, show };
}

/** The lowest and the highest value, null where there is none, and a step in which a slider moves smoothly. */
export function bounds({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const [from, to] = [minimum ?? exclusiveMinimum ?? null, maximum ?? exclusiveMaximum ?? null];
  const span = from === null || to === null ? null : to - from;
  const step = type === "integer" ? 1 : span === null ? "any" : 10 ** Math.floor(Math.log10(span / 100));
  const inside = typeof step === "number" ? step : 0;
  const exact = (value) => Number(value.toPrecision(12));
  return {
    low: exclusiveMinimum === undefined ? from : exact(exclusiveMinimum + inside),
    high: exclusiveMaximum === undefined ? to : exact(exclusiveMaximum - inside),
    step,
  };
}

function flip(_, id, changed) {
  const entry = make("input", { type: "checkbox", id });
  entry.setAttribute("role", "switch");
  entry.addEventListener("change", () => changed(entry.checked));
  return { elements: [entry], entry, show: (value) => (entry.checked = value) };
}

function radios({ enum: choices }, id, changed) {
  const inputs = choices.map((choice, n) => {
    const input = make("input", { type: "radio", name: id, id: `${id}-${n}` });
    input.addEventListener("change", () => changed(choice));
    return input;
  });
  const labels = inputs.map((input, n) => make("label", {}, input, make("span", { textContent: choices[n] })));
  const entry = make("div", { className: "segments", id }, ...labels);
  entry.setAttribute("role", "radiogroup");
  const show = (value) => inputs.forEach((input, n) => (input.checked = choices[n] === value));
  return { elements: [entry], entry, show };
}

function list({ enum: choices }, id, changed) {
  const entry = make("select", { id }, ...choices.map((choice, n) => new Option(choice, n)));
  entry.addEventListener("change", () => changed(choices[entry.value]));
  return { elements: [entry], entry, show: (value) => (entry.value = choices.indexOf(value)) };
}

function text(_, id, changed) {
  const entry = make("input", { type: "text", id, autocomplete: "off", spellcheck: false });
  entry.addEventListener("change", () => changed(entry.value));
  return { elements: [entry], entry, show: (value) => (entry.value = value ?? "") };
}

function colour(schema, id, changed) {
  const { entry, show } = text(schema, id, changed);
  const well = make("input", { type: "color", ariaLabel: "Choose the colour" });
  well.addEventListener("input", () => changed((entry.value = well.value)));
  const both = (value) => {
    show(value);
    if (COLOUR.test(value)) well.value = value;
    well.classList.toggle("vague", !COLOUR.test(value));
  };
  return { elements: [make("span", { className: "amount" }, well, entry)], entry, show: both };
}

/** The field and a box that says that there is no value. */
function nullable({ elements, entry, show }, about, id, changed) {
  const none = make("input", { type: "checkbox", id: `${id}-none` });
  const inner = make("fieldset", {}, ...elements);
  const usual = about.default ?? bounds(about).low ?? (about.type === "string" ? "" : 0);
  none.addEventListener("change", () => changed(none.checked ? null : usual));
  const both = (value) => {
    none.checked = inner.disabled = value === null;
    if (value !== null) show(value);
  };
  return { elements: [inner, make("label", { className: "none" }, none, " none")], entry, show: both };
}
