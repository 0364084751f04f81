// The figures under the picture: everything shown is measured, by the browser's statistics or by the server.

const show = (id, text) => {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
};

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

const viewer = new Meter();
const camera = new Meter();

/** Read and show everything. */
export async function figures({ viewing, sending, status, stream }) {
  const [down, up] = [await viewer.read(viewing?.pc), await camera.read(sending?.pc)];
  const about = status?.streams[stream];
  const live = down.fps > 0;

  const network = sum(down.rtt / 2, up.rtt / 2);
  const server = sum(about?.processing, about?.sending);
  const browser = sum(up.encoding, down.smoothing, down.decoding);
  show("latency", live ? `≈ ${Math.round(network + server + browser)} ms` : "–");
  show(
    "latency-parts",
    live ? `network ${Math.round(network)} · server ${Math.round(server)} · browser ${Math.round(browser)}` : "",
  );

  show("fps", live ? down.fps.toFixed(0) : "–");
  show("fps-parts", status?.camera?.on ? `camera ${status.camera.fps.toFixed(0)}` : "");

  const size = (of) => (of ? `${of[0]} × ${of[1]}` : "–");
  show("size", live ? size(down.size) : "–");
  show("size-parts", live && down.mbits > 0 ? `${down.mbits.toFixed(1)} Mbit/s` : "");

  show("viewers", about ? String(about.viewers) : "–");
  show("viewers-parts", about?.viewers > 1 ? "this one and others" : "");
}
