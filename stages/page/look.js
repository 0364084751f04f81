// Looks: pictures of any outputs of the graph, all of one frame, asked for one after the other as they are drawn.

import { socket } from "./server.js";

export class Look {
  #socket = null;
  #show = [];
  #width = 0;
  #draw;
  #refuse;
  #drawn = [];

  /**
   * `draw(frame, pictures)` gets pictures with a `bitmap` each, which live until the next and are null where an output
   * has given nothing yet; `refuse(text)` gets a line.
   */
  constructor(draw, refuse) {
    this.#draw = draw;
    this.#refuse = refuse;
    document.addEventListener("visibilitychange", () => this.#ask());
  }

  /** Look at these outputs, no wider than so many pixels; at none ends it. */
  at(show, width) {
    if (String(show) === String(this.#show) && width === this.#width) return;
    [this.#show, this.#width] = [show, width];
    if (show.length) this.keep();
    else this.#leave();
    this.#ask();
  }

  /** Connect anew where a connection is wanted and was lost; to be called now and then while the server answers. */
  keep() {
    if (this.#socket || !this.#show.length) return;
    const made = (this.#socket = new WebSocket(socket("/api/look")));
    made.binaryType = "arraybuffer";
    made.addEventListener("open", () => this.#ask());
    made.addEventListener("message", ({ data }) => this.#received(data));
    made.addEventListener("close", () => {
      if (this.#socket === made) this.#socket = null;
    });
  }

  #leave() {
    this.#socket?.close();
    this.#socket = null;
  }

  #ask() {
    if (this.#socket?.readyState !== WebSocket.OPEN || !this.#show.length || document.hidden) return;
    this.#socket.send(JSON.stringify({ show: this.#show, width: this.#width, next: true }));
  }

  async #received(data) {
    if (typeof data === "string") return this.#refuse(JSON.parse(data).error);
    const length = new DataView(data).getUint32(0);
    const { frame, pictures } = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    if (String(pictures.map(({ of }) => of)) !== String(this.#show)) return; // the answer to an earlier question
    let at = 4 + length;
    const decoded = await Promise.all(
      pictures.map(async (about) => {
        if (!about.bytes) return { ...about, bitmap: null }; // it has given nothing yet
        const jpeg = new Blob([new Uint8Array(data, at, about.bytes)], { type: "image/jpeg" });
        at += about.bytes;
        return { ...about, bitmap: await createImageBitmap(jpeg) };
      }),
    );
    this.#draw(frame, decoded);
    for (const { bitmap } of this.#drawn) bitmap?.close();
    this.#drawn = decoded;
    requestAnimationFrame(() => this.#ask());
  }
}
