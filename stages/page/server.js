// Requests to the server, which answers with JSON; a refusal is an Error with the server's own line.

export async function get(path) {
  return told(await fetch(path));
}

export async function post(path, body, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return told(await fetch(path, { method: "POST", headers, body: JSON.stringify(body), ...options }));
}

/** Send a file as it is. */
export async function send(path, file) {
  return told(await fetch(path, { method: "POST", headers: { "Content-Type": file.type }, body: file }));
}

async function told(answer) {
  const found = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(found.error);
  return found;
}

/** Where a WebSocket of this server is. */
export function socket(path) {
  const found = new URL(path, location.href);
  found.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return found.href;
}
