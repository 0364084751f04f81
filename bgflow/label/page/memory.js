// What this browser remembers: pictures that were decoded last, and the points of a polygon that is not closed.

import { picture } from "./server.js";

const PICTURES = 3; // the one on screen, the one before and the one after
const pictures = new Map();

/** A picture, from memory when it is there. */
export async function decoded({ name, seen }) {
  const key = `${name} ${seen}`;
  if (!pictures.has(key)) pictures.set(key, picture(name));
  while (pictures.size > PICTURES) pictures.delete(pictures.keys().next().value);
  try {
    return await pictures.get(key);
  } catch (error) {
    pictures.delete(key);
    throw error;
  }
}

const keyOf = (folder, { name, seen }) => `bgflow label: ${folder}/${name} ${seen}`;

/** Keep open points, so that they outlive a reload. */
export function remember(folder, entry, { points, hole }) {
  try {
    if (points.length) localStorage.setItem(keyOf(folder, entry), JSON.stringify({ points, hole }));
    else localStorage.removeItem(keyOf(folder, entry));
  } catch {
    // a browser that keeps nothing
  }
}

/** The points that were kept. */
export function remembered(folder, entry) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(folder, entry))) ?? {};
  } catch {
    return {};
  }
}
