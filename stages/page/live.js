// What happens in the run, as the server tells it: `values`, `message`, `refused`, `countdown` and `figures` events.

import { socket } from "./server.js";

export class Live extends EventTarget {
  #socket = null;

  /** Connect where there is no connection; to be called again and again while the server answers. */
  keep() {
    if (this.#socket) return;
    const made = (this.#socket = new WebSocket(socket("/api/live")));
    made.addEventListener("message", ({ data }) => {
      const event = JSON.parse(data);
      this.dispatchEvent(new CustomEvent(event.type, { detail: event }));
    });
    made.addEventListener("close", () => (this.#socket = null));
  }
}
