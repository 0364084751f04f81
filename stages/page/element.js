// Elements: found on the page, or made.

export const byId = (id) => document.getElementById(id);

/** A new element of HTML with these properties, and these children in it. */
export function make(name, fields = {}, ...children) {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
}

/** A new element of SVG with these attributes, and these children in it. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Write a text where it is not that already: what is read aloud must not be written anew every second. */
export function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** A name of the code as words: "min_area" is "Min area". */
export function words(name) {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

/** A paragraph of a text in which `names` are between backticks. */
export function prose(text, fields) {
  const parts = text.split("`").map((part, n) => (n % 2 ? make("code", { textContent: part }) : part));
  return make("p", fields, ...parts);
}
