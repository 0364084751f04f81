// The result as a video: a connection that is kept for as long as the page is open.

import { byId } from "./element.js";
import { notify } from "./notices.js";
import { Peer } from "./peer.js";

const PATIENCE = 5000; // milliseconds between two attempts, at most

export class Viewer {
  /** The connection that receives; null while there is none. */
  receiving = null;
  /** The stream on screen, "" for none. */
  stream = "";
  /** Whether the server answers; the browser itself would notice after half a minute that it is gone. */
  there = false;
  #stun = [];

  constructor() {
    byId("stream").addEventListener("change", ({ target }) => (this.stream = target.value));
    this.#keep();
  }

  /** Take what the server says of itself. */
  load({ streams, stun }) {
    this.#stun = stun;
    if (!streams.includes(this.stream)) this.stream = streams[0] ?? "";
    byId("stream").replaceChildren(...streams.map((name) => new Option(name, name, false, name === this.stream)));
    byId("streams").hidden = streams.length < 2;
  }

  get connected() {
    return this.receiving?.pc.connectionState === "connected";
  }

  async #keep() {
    let pause = 500;
    for (;;) {
      if (this.stream && this.there) {
        try {
          await this.#view(() => (pause = 500));
        } catch (error) {
          if (this.there) notify(error.message, true);
        }
      }
      await sleep(pause);
      pause = this.there ? Math.min(pause * 2, PATIENCE) : 500;
    }
  }

  /** One connection, from its start to its end. */
  async #view(connected) {
    const wanted = this.stream;
    let ended;
    const end = new Promise((done) => (ended = done));
    this.receiving = new Peer({
      stream: wanted,
      stun: this.#stun,
      ontrack: (track) => (byId("result").srcObject = new MediaStream([track])),
      onstate: (state) => {
        if (state === "connected") connected();
        if (["failed", "closed", "disconnected"].includes(state)) ended();
      },
    });
    try {
      await this.receiving.connect();
      while (this.stream === wanted && (await Promise.race([end.then(() => false), sleep(500).then(() => true)]))) {
        if (!this.there) break;
      }
    } finally {
      this.receiving.close();
      this.receiving = null;
    }
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
