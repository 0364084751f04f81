// The page: puts its parts together, asks the server once a second how it stands, and says so in words.

import { byId, write } from "./element.js";
import { Camera } from "./camera.js";
import { figures } from "./figures.js";
import { Gallery } from "./gallery.js";
import { Graph } from "./graph.js";
import { ladder } from "./ladder.js";
import { Live } from "./live.js";
import { ending } from "./ending.js";
import { Countdown, notify } from "./notices.js";
import { Picture } from "./picture.js";
import { Pointer } from "./pointer.js";
import { get } from "./server.js";
import { Settings } from "./settings.js";
import { Table } from "./table.js";
import { Viewer } from "./viewer.js";
import { yaml } from "./yaml.js";

const viewOnly = new URLSearchParams(location.search).has("view");
const STALE = 3000; // milliseconds without a picture after which it counts as gone
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let about = null; // what the server is: /api/about; null until it is known
let status = null; // how it stands: /api/status; null when it does not answer
let told = null; // the figures of the last second

const camera = new Camera();
const viewer = new Viewer();
const live = new Live();
const countdown = new Countdown();
const gallery = new Gallery();
const table = new Table();
const picture = new Picture(
  (line) => notify(line, true),
  (key) => settings.mark(key),
);
const settings = new Settings(look);
const graph = new Graph(choose);
const pointer = new Pointer(picture);

/** Show an output in the picture, which may be scrolled away. */
function look(key) {
  picture.show(key);
  byId("screen").scrollIntoView({ block: "nearest" });
}

function choose(stage, byKey) {
  graph.mark(stage);
  settings.open(stage, byKey);
}

/** The connection in words: a colour for the dot, a short line, and a hint while there is no picture. */
function situation(moving) {
  const takesCamera = about?.camera && !viewOnly;
  if (!status) {
    const hint = "The server does not answer. This page goes on by itself when it is back.";
    return ["bad", "Server gone, trying again", hint];
  }
  if (!about) return ["wait", "Starting", "The graph is starting: models are loaded, kernels compiled…"];
  if (camera.sending && !camera.sending.name) return ["wait", "Starting camera", "Connecting your camera…"];
  if (moving && camera.on && camera.sending?.name && status.camera?.yours) return ["live", "Live, your camera", ""];
  if (moving) return ["live", "Live", ""];
  if (viewer.stream && !viewer.connected) return ["wait", "Connecting", "Connecting to the server…"];
  if (about.camera && !status.camera?.on) {
    return ["wait", "Waiting for a camera", takesCamera ? "Press Start camera." : "Nobody has started a camera yet."];
  }
  const hint = "Connected. The first picture is on its way; the very first run takes a little longer.";
  return ["wait", "Waiting for the first picture", hint];
}

function tell(moving) {
  const [kind, words, hint] = situation(moving);
  byId("state").dataset.state = kind;
  write(byId("state"), words);
  write(byId("hint"), hint);
  byId("empty").hidden = moving || picture.live;
  byId("full").hidden = !document.fullscreenEnabled;
}

/** Whether pictures have come lately: of the video, or where there is none, of the graph. */
function moving() {
  if (!status) moving.last = -Infinity;
  if (!viewer.stream) return Boolean(about) && told?.fps > 0;
  const { totalVideoFrames } = byId("result").getVideoPlaybackQuality();
  if (totalVideoFrames && totalVideoFrames !== moving.before) moving.last = performance.now();
  moving.before = totalVideoFrames;
  return performance.now() - moving.last < STALE;
}

/** Learn what the server is, for the first time or after it has been away. */
async function begin() {
  const [found, drawn, controls] = await Promise.all([get("/api/about"), get("/api/graph"), get("/api/controls")]);
  document.title = `${drawn.name} · bgflow`;
  write(byId("name"), drawn.name);
  byId("download").download = `${drawn.name}.yaml`;
  viewer.load(found);
  camera.load(found, !viewOnly);
  graph.load(drawn);
  table.load(drawn);
  settings.load(drawn, controls);
  picture.load(drawn, found.streams.length > 0);
  pointer.load(controls.actions);
  const replace = controls.controls.find(({ use, param }) => use === "compose.replace" && param === "background");
  await gallery.load(replace ? `${replace.stage}.${replace.param}` : "");
  about = found;
}

async function watch() {
  for (;;) {
    status = await get(`/api/status?peer=${camera.sending?.name ?? ""}`).catch(() => null);
    viewer.there = Boolean(status);
    if (!status) about = told = null;
    if (status?.ready && !about) await begin().catch((error) => notify(error.message, true));
    if (about) {
      live.keep();
      picture.keep();
    }
    await camera.keep(status);
    await figures({ viewer, camera, status, told, size: picture.size });
    ladder(status?.slo);
    tell(moving());
    await sleep(1000);
  }
}

live.addEventListener("figures", ({ detail }) => {
  const seconds = told && detail.fps > 0 ? (detail.frames - told.frames) / detail.fps : 1; // as the server measured it
  for (const stage of Object.values(detail.stages)) stage.rate = stage.count / seconds;
  told = detail;
  graph.figures(detail);
  table.figures(detail);
});
live.addEventListener("values", ({ detail }) => {
  settings.take(detail);
  gallery.take(detail);
});
live.addEventListener("message", ({ detail }) => detail.text && notify(detail.text, false, detail.seconds));
live.addEventListener("refused", ({ detail }) => notify(detail.text, true, detail.seconds));
live.addEventListener("countdown", ({ detail }) => countdown.tell(detail));
byId("result").addEventListener("loadeddata", () => tell(true));
byId("full").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else byId("watched").requestFullscreen();
});
addEventListener("pagehide", () => [viewer.receiving, camera.sending].forEach((peer) => peer?.close()));
yaml();
ending();
watch();
