// The figures under the picture: everything shown is measured, by the browser's statistics or by the server.

import { byId, write } from "./element.js";

const show = (id, text) => write(byId(id), text);

/** The statistics of one connection; counters that only grow become averages over the time between two calls. */
class Meter {
  #before = {};

  async read(pc) {
    const found = { rtt: null };
    if (!pc || pc.connectionState !== "connected") return found;
    for (const report of (await pc.getStats()).values()) {
      if (report.type === "candidate-pair" && report.nominated && report.state === "succeeded") {
        found.rtt = ms(report.currentRoundTripTime);
      }
      if (report.kind !== "video") continue;
      if (report.type === "inbound-rtp") {
        found.fps = report.framesPerSecond ?? 0;
        found.size = report.frameWidth ? [report.frameWidth, report.frameHeight] : null;
        found.smoothing = ms(this.#growth(report, "jitterBufferDelay", "jitterBufferEmittedCount"));
        found.decoding = ms(this.#growth(report, "totalDecodeTime", "framesDecoded"));
        found.mbits = this.#growth(report, "bytesReceived", "timestamp") * 0.008; // bytes in a millisecond
      }
      if (report.type === "outbound-rtp") {
        found.fps = report.framesPerSecond ?? 0;
        found.size = report.frameWidth ? [report.frameWidth, report.frameHeight] : null;
        found.encoding = ms(this.#growth(report, "totalEncodeTime", "framesEncoded"));
      }
    }
    return found;
  }

  /** How much `top` grew for each unit that `bottom` grew since the last call; null at the first. */
  #growth(report, top, bottom) {
    const key = `${report.id} ${top}`;
    const [before, now] = [this.#before[key], [report[top] ?? 0, report[bottom] ?? 0]];
    this.#before[key] = now;
    const grown = before ? now[1] - before[1] : 0;
    return grown > 0 ? (now[0] - before[0]) / grown : null;
  }
}

const ms = (seconds) => (seconds === undefined || seconds === null ? null : seconds * 1000);
const sum = (...parts) => parts.reduce((all, part) => all + (part ?? 0), 0);

const received = new Meter();
const sent = new Meter();

/** Read and show everything; `told` is what the run says of itself, `size` that of pictures that come without video. */
export async function figures({ viewer, camera, status, told, size }) {
  const [down, up] = [await received.read(viewer.receiving?.pc), await sent.read(camera.sending?.pc)];
  const about = status?.streams[viewer.stream];
  const video = Boolean(viewer.stream);
  const live = down.fps > 0;
  for (const id of ["latency", "viewers"]) byId(id).parentElement.hidden = !video;

  const network = sum(down.rtt / 2, up.rtt / 2);
  const server = sum(about?.processing, about?.sending);
  const browser = sum(up.encoding, down.smoothing, down.decoding);
  const parts = `network ${Math.round(network)} · server ${Math.round(server)} · browser ${Math.round(browser)}`;
  show("latency", live ? `≈ ${Math.round(network + server + browser)} ms` : "–");
  show("latency-parts", live ? parts : "");

  const fps = video ? (live ? down.fps : null) : (told?.fps ?? null);
  show("fps", fps === null ? "–" : fps.toFixed(0));
  const done = told ? `${told.frames.toLocaleString("en")} so far` : "";
  show("fps-parts", status?.camera?.on ? `camera ${status.camera.fps.toFixed(0)}` : done);

  const seen = video ? (live ? down.size : null) : size;
  show("size", seen ? `${seen[0]} × ${seen[1]}` : "–");
  show("size-parts", live && down.mbits > 0 ? `${down.mbits.toFixed(1)} Mbit/s` : "");

  show("viewers", about ? String(about.viewers) : "–");
  show("viewers-parts", about?.viewers > 1 ? "this one and others" : "");
}
