"""How well `palm.detect` and `pose.palms` find hands: against MediaPipe's Hands and Pose, on photos of people.

    python -m bgflow.bench.hands --data DIR [--peers VENV]

DIR has `human40` and `webcam_plate`; VENV is an environment with mediapipe, else BGFLOW_PEERS. A distance is in % of a
picture's longer side. A photo is also looked at in a picture of 16:9, so many times its height tall and with the hand
in a button, at its middle or 0.8 radii beside it: how many hands `palm.detect` finds to half a radius, with and
without `near`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bgflow import models
from bgflow.bench.peers import interpreter
from bgflow.detector import Detector
from bgflow.devices import Host
from bgflow.kernels import crop
from bgflow.media.pictures import read
from bgflow.stages import palm
from bgflow.stages.pose import ARMS, Palms
from bgflow.testing import opened

# In the peer's process: hands as the middle between wrist and middle knuckle, and bodies of static pictures and of the
# third of three equal frames of a film.
PEER = """
import json, sys
import mediapipe as mp
import numpy as np
from PIL import Image
hands, pose = mp.solutions.hands, mp.solutions.pose
out = {}
for name in json.load(sys.stdin):
    image = np.asarray(Image.open(name).convert("RGB"))
    with hands.Hands(static_image_mode=True, max_num_hands=4, model_complexity=0) as it:
        found = [h.landmark for h in it.process(image).multi_hand_landmarks or ()]
    bodies = []
    for still, times in ((True, 1), (False, 3)):
        with pose.Pose(static_image_mode=still, model_complexity=1, smooth_landmarks=False) as it:
            for _ in range(times):
                body = it.process(image).pose_landmarks
        bodies.append([[p.x, p.y, p.visibility] for p in body.landmark] if body else None)
    out[name] = [[((h[0].x + h[9].x) / 2, (h[0].y + h[9].y) / 2) for h in found], *bodies]
print("\\n" + json.dumps(out))
"""
TALL = (0.35, 0.5, 0.7, 1.0, 1.5, 2.2, 3.0)
HEIGHT, WIDTH, RADIUS = 720, 1280, 0.06 * 1280
TURNS = np.linspace(0, 2 * np.pi, 6, endpoint=False)
BESIDE = [(0.0, 0.0), *((0.8 * RADIUS * np.cos(a), 0.8 * RADIUS * np.sin(a)) for a in TURNS)]


def spread(name: str, distances: Sequence[float] | Host) -> str:
    """A row of a table."""
    values = np.array(distances, float)
    lost = int(np.isnan(values).sum())
    values = values[~np.isnan(values)]
    median, most = np.percentile(values, [50, 90])
    return f"| {name} | {len(values) + lost} | {lost} | {median:.2f} | {most:.2f} | {values.max():.2f} |"


def hand(body: Host, arm: tuple[int, int]) -> Host:
    """Palm of an arm and its visibility."""
    elbow, wrist = arm
    return np.append(1.5 * body[wrist, :2] - 0.5 * body[elbow, :2], min(body[elbow, 2], body[wrist, 2]))


def poses(photos: dict[str, Host], peer: dict[str, Any]) -> None:
    """Print how far bodies are from MediaPipe's."""
    alone: list[str] = []
    rows: dict[str, list[float]] = {}
    with opened(Palms(threads=1)) as it:
        for name, image in photos.items():
            size = np.array(image.shape[1::-1]) / max(image.shape[:2]) * 100
            for how, frames, theirs in zip(("found", "followed"), (1, 3), peer[name][1:], strict=True):
                it.stage.forget()  # type: ignore[attr-defined]
                for _ in range(frames):
                    body = it(image=image)["landmarks"].copy()
                if (theirs is None) != (not body.any()):
                    alone.append(f"{Path(name).name} ({'bgflow' if theirs is None else 'MediaPipe'}, {how})")
                if theirs is None or not body.any():
                    continue
                other = np.array(theirs)
                seen = other[:, 2] >= 0.5
                away = np.hypot(*((body - other)[:, :2] * size).T)
                rows.setdefault(f"visible landmarks, {how}", []).extend(away[seen])
                for arm in ARMS:
                    ours, wanted = hand(body, arm), hand(other, arm)
                    if wanted[2] >= 0.5:
                        distance = float(np.hypot(*((ours - wanted)[:2] * size)))
                        rows.setdefault(f"palms, {how}", []).append(distance if ours[2] >= 0.5 else np.nan)
    print(f"pose.palms: {len(photos)} pictures, a person found by one alone in {len(alone)} {alone or ''}")
    print(
        "| | MediaPipe has | bgflow lacks | median, % | 90 % within | at most |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name, distances in rows.items():
        print(spread(name, distances))


def around(net: Detector, image: Host, x: float, y: float, side: float) -> list[Host]:
    """The palms in a square of the picture, in pixels."""
    crop.square(image, net.input, x, y, side, black=True)
    corner = np.array([x - side / 2, y - side / 2])
    return [(points[palm.WRIST] + points[palm.KNUCKLE]) * (side / 2) + corner for _, points in net(0.5)]


def palms(photos: dict[str, Host], peer: dict[str, Any]) -> None:
    """Print how many of MediaPipe's hands are found, in whole photos and at buttons."""
    path = models.find("palm").path
    whole, part = (Detector(path, side, palm.STEPS, 1) for side in (palm.WHOLE, palm.PART))
    distances: list[float] = []
    hits: dict[float, list[tuple[bool, float]]] = {tall: [] for tall in TALL}
    for name, image in photos.items():
        h, w = image.shape[:2]
        for hx, hy in peer[name][0]:
            found = around(whole, image, w / 2, h / 2, max(h, w))
            away = min((float(np.hypot(*(p - (hx * w, hy * h)))) for p in found), default=np.nan)
            distances.append(100 * away / max(h, w))
            for tall in TALL:
                hits[tall].append(at_button(whole, part, image, hx, hy, tall))
    print(spread("palm.detect in the whole photo", distances))
    print(
        f"\n| photo, of 720 rows | hands of {len(distances)} in the whole picture | at a button |\n| --- | --- | --- |"
    )
    for tall, each in hits.items():
        seen, near = np.mean(each, 0)
        print(f"| {tall:g} | {seen:.0%} | {near:.0%} |")


def at_button(whole: Detector, part: Detector, image: Host, x: float, y: float, tall: float) -> tuple[bool, float]:
    """Whether a hand is found in a picture of 16:9, and at which share of places in a button."""
    h, w = image.shape[:2]
    scale = HEIGHT * tall / h
    large = Image.fromarray(image).resize((round(w * scale), round(h * scale)), Image.Resampling.LANCZOS)
    left, top = round(x * large.width - 0.75 * WIDTH), round(y * large.height - HEIGHT / 2)
    shown = np.asarray(large.crop((left, top, left + WIDTH, top + HEIGHT)))
    here = np.array([x * large.width - left, y * large.height - top])

    def hit(found: list[Host]) -> bool:
        return any(np.hypot(*(p - here)) < RADIUS / 2 for p in found)

    near = [
        any(hit(around(part, shown, here[0] + across, here[1] + down, times * RADIUS)) for times in palm.AROUND)
        for across, down in BESIDE
    ]
    return hit(around(whole, shown, WIDTH / 2, HEIGHT / 2, WIDTH)), float(np.mean(near))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--peers", default=os.environ.get("BGFLOW_PEERS", ""), help="an environment with mediapipe")
    asked = parser.parse_args()
    if not asked.peers:
        parser.error("give --peers VENV, an environment with mediapipe, or set BGFLOW_PEERS")
    files = [*asked.data.glob("human40/images/*.jpg"), *asked.data.glob("webcam_plate/set*/[0-9].png")]
    photos = {str(file): read(file) for file in sorted(files)}
    command = [str(interpreter(asked.peers)), "-c", PEER]
    done = subprocess.run(command, input=json.dumps([*photos]), capture_output=True, text=True, check=False)
    if done.returncode:
        parser.error(f"mediapipe: {done.stderr.strip().splitlines()[-1]}")
    peer = json.loads(done.stdout.strip().splitlines()[-1])
    poses(photos, peer)
    palms(photos, peer)


if __name__ == "__main__":
    main()
