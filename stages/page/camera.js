// This browser's camera: started, sent to the server, and stopped.

import { byId } from "./element.js";
import { notify } from "./notices.js";
import { Peer } from "./peer.js";

const TROUBLE = {
  NotAllowedError: "The browser refused the camera. Allow it for this page, then press Start camera again.",
  NotFoundError: "No camera was found. Connect one, then press Start camera again.",
  NotReadableError: "The camera is in use by another program. Close that, then press Start camera again.",
};

export class Camera {
  /** The connection that sends it, and its pictures; null while it is off. */
  sending = null;
  #pictures = null;
  #about = null;
  #mine = false;

  constructor() {
    byId("start").addEventListener("click", () => (this.#pictures ? this.stop() : this.#start()));
    byId("device").addEventListener("change", () => this.#pictures && this.#restart());
  }

  /** Take what the server says of itself; `wanted`: whether this page may show a camera. */
  load(about, wanted) {
    this.#about = about;
    byId("camera").hidden = !wanted || !about.camera;
    if (navigator.mediaDevices?.getUserMedia) return;
    byId("secure").hidden = false;
    byId("start").disabled = true;
  }

  get on() {
    return this.#pictures !== null;
  }

  stop() {
    this.sending?.close();
    this.#pictures?.getTracks().forEach((track) => track.stop());
    this.sending = this.#pictures = null;
    byId("own").srcObject = null;
    byId("own").hidden = true;
    this.#told();
  }

  /** Look whether the server still has it: another may have taken its place, or the server may have been away. */
  async keep(status) {
    if (!this.sending) this.#mine = false;
    if (!this.sending?.name || !status) return;
    const yours = Boolean(status.camera?.yours);
    if (this.#mine && !yours && status.camera?.on) {
      this.stop();
      notify("Another browser's camera has taken over. Press Start camera to take it back.");
    } else if (this.#mine && !yours) {
      await this.#restart();
    }
    this.#mine = Boolean(this.sending?.name) && yours;
  }

  async #start() {
    const { width, height, fps } = this.#about.camera;
    const deviceId = byId("device").value || undefined;
    byId("start").disabled = true;
    try {
      this.#pictures = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps }, deviceId },
      });
      const [track] = this.#pictures.getVideoTracks();
      track.contentHint = "motion";
      track.addEventListener("ended", () => this.stop());
      byId("own").srcObject = this.#pictures;
      byId("own").hidden = false;
      const onstate = (state) => state === "failed" && this.#restart();
      this.sending = new Peer({ track, stun: this.#about.stun, onstate });
      await this.sending.connect();
      await list(track.getSettings().deviceId);
    } catch (error) {
      this.stop();
      notify(TROUBLE[error.name] ?? error.message, true);
    } finally {
      byId("start").disabled = false;
      this.#told();
    }
  }

  async #restart() {
    this.stop();
    await this.#start();
  }

  #told() {
    byId("start").textContent = this.on ? "Stop camera" : "Start camera";
    byId("start").ariaPressed = String(this.on);
  }
}

/** Offer the choice when there is more than one; names are known only once a camera was allowed. */
async function list(current) {
  const all = await navigator.mediaDevices.enumerateDevices();
  const found = all.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
  const options = found.map(({ label, deviceId }, n) => new Option(label || `Camera ${n + 1}`, deviceId));
  byId("device").replaceChildren(...options);
  byId("device").value = current;
  byId("devices").hidden = found.length < 2;
}
