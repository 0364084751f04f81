// The page: start and stop the camera, keep the result on screen, say in words how it stands.

import { figures } from "./figures.js";
import { ladder } from "./ladder.js";
import { panel } from "./panel.js";
import { Peer, get } from "./peer.js";

const byId = (id) => document.getElementById(id);
const viewOnly = new URLSearchParams(location.search).has("view");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let about = null; // what the server is: /api/about
let status = null; // how it stands: /api/status, null when it does not answer
let stream = ""; // the stream on screen
let viewing = null; // the Peer that receives
let sending = null; // the Peer that sends the camera
let camera = null; // the MediaStream of this browser's camera

function alert(text) {
  byId("alert").textContent = text;
  byId("alert").hidden = false;
  clearTimeout(alert.timer);
  alert.timer = setTimeout(() => (byId("alert").hidden = true), 8000);
}

/** The connection in words: a colour for the dot, a short line, and a hint while there is no picture. */
function situation(live) {
  const takesCamera = about?.camera && !viewOnly;
  if (!status) return ["bad", "Server gone, trying again", "The server does not answer. This page goes on by itself when it is back."];
  if (!about) return ["wait", "Starting", "The graph is starting: models are loaded, kernels compiled…"];
  if (sending && !sending.name) return ["wait", "Starting camera", "Connecting your camera…"];
  if (live && camera && sending?.name && status.camera?.yours) return ["live", "Live, your camera", ""];
  if (live) return ["live", "Live", ""];
  if (viewing?.pc.connectionState !== "connected") return ["wait", "Connecting", "Connecting to the server…"];
  if (about?.camera && !status.camera?.on) {
    return ["wait", "Waiting for a camera", takesCamera ? "Press Start camera." : "Nobody has started a camera yet."];
  }
  return ["wait", "Waiting for the first picture", "Connected. The first picture is on its way; the very first run takes a little longer."];
}

function tell(live) {
  const [kind, words, hint] = situation(live);
  byId("state").dataset.state = kind;
  if (byId("state").textContent !== words) byId("state").textContent = words;
  byId("hint").textContent = hint;
  byId("empty").hidden = live;
  byId("full").hidden = !live || !document.fullscreenEnabled;
}

/** Keep a viewer connected for as long as the page is open. */
async function keepViewing() {
  let pause = 500;
  for (;;) {
    if (stream) {
      try {
        await view(() => (pause = 500));
      } catch (error) {
        if (status) alert(error.message);
      }
    }
    await sleep(pause);
    pause = Math.min(pause * 2, 5000);
  }
}

/** One connection, from its start to its end. */
async function view(connected) {
  const wanted = stream;
  let ended;
  const end = new Promise((done) => (ended = done));
  viewing = new Peer({
    stream: wanted,
    stun: about.stun,
    ontrack: (track) => (byId("result").srcObject = new MediaStream([track])),
    onstate: (state) => {
      if (state === "connected") connected();
      if (state === "failed" || state === "closed" || state === "disconnected") ended();
    },
  });
  try {
    await viewing.connect();
    while (stream === wanted && (await Promise.race([end.then(() => false), sleep(500).then(() => true)]))) {
      if (!status) break; // the server is gone; the browser itself would notice after half a minute
    }
  } finally {
    viewing.close();
    viewing = null;
  }
}

async function startCamera() {
  const { width, height, fps } = about.camera;
  const deviceId = byId("device").value || undefined;
  byId("start").disabled = true;
  try {
    camera = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps }, deviceId },
    });
    const [track] = camera.getVideoTracks();
    track.contentHint = "motion";
    track.addEventListener("ended", () => stopCamera());
    byId("own").srcObject = camera;
    byId("own").hidden = false;
    sending = new Peer({ track, stun: about.stun, onstate: (state) => state === "failed" && restartCamera() });
    await sending.connect();
    await listCameras(track.getSettings().deviceId);
  } catch (error) {
    stopCamera();
    alert(cameraTrouble(error));
  } finally {
    byId("start").disabled = false;
    pressed();
  }
}

function stopCamera() {
  sending?.close();
  camera?.getTracks().forEach((track) => track.stop());
  sending = camera = null;
  byId("own").srcObject = null;
  byId("own").hidden = true;
  pressed();
}

async function restartCamera() {
  stopCamera();
  await startCamera();
}

function pressed() {
  byId("start").textContent = camera ? "Stop camera" : "Start camera";
  byId("start").ariaPressed = String(Boolean(camera));
}

function cameraTrouble(error) {
  const words = {
    NotAllowedError: "The browser refused the camera. Allow it for this page, then press Start camera again.",
    NotFoundError: "No camera was found. Connect one, then press Start camera again.",
    NotReadableError: "The camera is in use by another program. Close that, then press Start camera again.",
  };
  return words[error.name] ?? error.message;
}

/** Offer the choice when there is more than one; names are known only once a camera was allowed. */
async function listCameras(current) {
  const found = (await navigator.mediaDevices.enumerateDevices()).filter((it) => it.kind === "videoinput" && it.deviceId);
  byId("device").replaceChildren(...found.map((it, n) => new Option(it.label || `Camera ${n + 1}`, it.deviceId, false, it.deviceId === current)));
  byId("devices").hidden = found.length < 2;
}

/** Once a second: ask the server, read the statistics, and say how it stands. */
async function watch() {
  let mine = false;
  for (;;) {
    status = await get(`/api/status?peer=${sending?.name ?? ""}`).catch(() => null);
    if (status?.ready && !about) await begin();
    if (sending?.name && status) {
      if (mine && !status.camera?.yours && status.camera?.on) {
        stopCamera();
        alert("Another browser's camera has taken over. Press Start camera to take it back.");
      } else if (mine && !status.camera?.yours) {
        await restartCamera();
      }
      mine = Boolean(sending?.name) && Boolean(status.camera?.yours);
    } else if (!sending) mine = false;
    await figures({ viewing, sending, status, stream });
    ladder(status?.slo);
    tell(moving());
    await sleep(1000);
  }
}

/** Whether pictures have come since the last question. */
function moving() {
  const { totalVideoFrames } = byId("result").getVideoPlaybackQuality();
  const came = totalVideoFrames !== moving.before;
  moving.before = totalVideoFrames;
  return came && totalVideoFrames > 0;
}

async function begin() {
  about = await get("/api/about");
  stream = about.streams[0] ?? "";
  byId("stream").replaceChildren(...about.streams.map((name) => new Option(name)));
  byId("streams").hidden = about.streams.length < 2;
  byId("camera").hidden = viewOnly || !about.camera;
  if (!navigator.mediaDevices?.getUserMedia) {
    byId("secure").hidden = false;
    byId("start").disabled = true;
  }
  await panel(alert);
}

document.body.classList.toggle("view", viewOnly);
byId("start").addEventListener("click", () => (camera ? stopCamera() : startCamera()));
byId("device").addEventListener("change", () => camera && restartCamera());
byId("stream").addEventListener("change", (event) => (stream = event.target.value));
byId("result").addEventListener("loadeddata", () => tell(true));
byId("result").addEventListener("resize", ({ target }) => (target.parentElement.style.aspectRatio = target.videoWidth / target.videoHeight));
byId("full").addEventListener("click", () => byId("result").requestFullscreen());
addEventListener("pagehide", () => [viewing, sending].forEach((peer) => peer?.close()));
watch();
keepViewing();
