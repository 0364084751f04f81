// What the page asks of the server.

/** A request that was refused; `status` 412 says that somebody else has changed it, 0 that nobody answered. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch {
    throw new Refused(0, "the server does not answer");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({ error: answer.statusText }));
  throw new Refused(answer.status, told.error);
}

const at = (kind, name) => `/api/${kind}/${encodeURIComponent(name)}`;
const quoted = (version) => `"${version}"`;
const plain = (header) => (header ?? "").replaceAll('"', "");

export const about = async () => (await ask("/api/set")).json();

export const thumbnail = ({ name, seen }) => `${at("thumbnail", name)}?${encodeURIComponent(seen)}`;

/** The picture (or, without a name, the plate) decoded and upright. */
export async function picture(name) {
  const answer = await ask(name === undefined ? "/api/plate" : at("picture", name));
  return createImageBitmap(await answer.blob());
}

/** The pixels of a "label", "draft" or "prelabel" with their versions; null when there is none. */
export async function pixels(kind, name, signal) {
  try {
    const answer = await ask(at(kind, name), { signal });
    if (answer.status === 204) return null;
    const data = new Uint8Array(await answer.arrayBuffer());
    return { data, version: plain(answer.headers.get("ETag")), base: plain(answer.headers.get("Base")) };
  } catch (error) {
    if (error.status === 503) return pixels(kind, name, signal); // not ready yet
    throw error;
  }
}

/** Write a "label" or a "draft"; gives its new version and the picture's new state. */
export async function write(kind, name, body, version, base) {
  const headers = { "Content-Type": "image/png", "If-Match": quoted(version) };
  if (base !== undefined) headers.Base = quoted(base);
  return (await ask(at(kind, name), { method: "PUT", headers, body })).json();
}

/** Throw a draft away. */
export async function discard(name, version) {
  return (await ask(at("draft", name), { method: "DELETE", headers: { "If-Match": quoted(version) } })).json();
}
