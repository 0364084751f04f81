// WebRTC with the server: one connection sends the camera, another receives the result.

import { post } from "./server.js";

/** One connection; `track` is the camera to send, without it the result of `stream` is received. */
export class Peer {
  constructor({ track, stream, stun = [], onstate = () => {}, ontrack = () => {} }) {
    this.name = "";
    this.closed = false;
    this.role = track ? "camera" : "viewer";
    this.stream = stream;
    this.pc = new RTCPeerConnection({ iceServers: stun.length ? [{ urls: stun }] : [] });
    this.pc.addEventListener("connectionstatechange", () => onstate(this.pc.connectionState));
    this.pc.addEventListener("track", (event) => {
      if ("jitterBufferTarget" in event.receiver) event.receiver.jitterBufferTarget = 0;
      ontrack(event.track);
    });
    this.pc.addTransceiver(track ?? "video", { direction: track ? "sendonly" : "recvonly" });
  }

  async connect() {
    await this.pc.setLocalDescription();
    await this.#gathered();
    const { sdp } = this.pc.localDescription;
    const answer = await post("/api/offer", { sdp, role: this.role, stream: this.stream });
    if (this.closed) return leave(answer.peer);
    this.name = answer.peer;
    await this.pc.setRemoteDescription({ type: "answer", sdp: answer.sdp });
  }

  /** Wait until this browser knows its own addresses; not for ever, some networks never answer. */
  #gathered() {
    if (this.pc.iceGatheringState === "complete") return Promise.resolve();
    return new Promise((done) => {
      setTimeout(done, 2000);
      this.pc.addEventListener("icegatheringstatechange", () => {
        if (this.pc.iceGatheringState === "complete") done();
      });
    });
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.pc.close();
    if (this.name) leave(this.name);
  }
}

/** Tell the server that a connection is over; it would find out by itself, but late. */
function leave(peer) {
  post("/api/leave", { peer }, { keepalive: true }).catch(() => {});
}
