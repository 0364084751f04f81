"""What happens in a synthetic scene: who stands where, in which pose and clothes, and how the camera trembles.

Everything is a function of the parameters and the frame number alone, so any frame can be had without those before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from bgflow.kernels import figure, scene

HEAD_TOP = 1.36  # units above a figure's origin, the pit of its neck
FEET = 6.2  # units below it
SKIN = ((232, 190, 160), (214, 164, 130), (176, 124, 92), (124, 84, 62), (242, 204, 178))
HAIR = ((58, 40, 30), (34, 28, 28), (112, 74, 42), (92, 44, 28), (72, 62, 60))
CLOTH = ((36, 84, 138), (150, 46, 52), (44, 104, 84), (92, 62, 120), (196, 128, 48), (52, 58, 70))
LEGS = ((44, 50, 66), (66, 58, 52), (40, 40, 44))
WALLS = (((198, 192, 182), (150, 160, 172)), ((186, 196, 196), (140, 150, 160)), ((204, 194, 186), (160, 150, 150)))


@dataclass(frozen=True)
class Scene:
    """The scene of a `synth.source`; its fields are that stage's parameters."""

    width: int
    height: int
    fps: Fraction
    seed: int
    subjects: int
    shape: str
    size: float
    edge: float
    hair: float
    speed: float
    enter: int
    leave: int
    shake: float

    def palette(self) -> np.ndarray[Any, Any]:
        """The two colours of the backdrop, f32[2,3]."""
        rng = np.random.default_rng([self.seed, 1])
        return np.array(WALLS[int(rng.integers(len(WALLS)))], np.float32)

    @property
    def margin(self) -> int:
        """Pixels of backdrop that the shaking camera may see beyond the picture, on every side."""
        return math.ceil(self.shake) + 1

    def camera(self, n: int) -> tuple[float, float]:
        """How far the picture's content is moved by the shaking camera at frame n: (dx, dy), each at most `shake`."""
        if self.shake == 0:
            return 0.0, 0.0
        jolt = np.random.default_rng([self.seed, 2, n]).uniform(-1, 1, 2)
        sway = math.sin(0.61 * n + self.seed), math.sin(0.47 * n + 2 * self.seed)
        return self.shake * (0.5 * sway[0] + 0.5 * float(jolt[0])), self.shake * (0.5 * sway[1] + 0.5 * float(jolt[1]))

    def key(self, n: int) -> int:
        """The seed of the sensor's noise at frame n."""
        return int(np.random.default_rng([self.seed, 3, n]).integers(2**31))

    def figures(self, n: int) -> np.ndarray[Any, Any]:
        """The figures at frame n from back to front, f32[subjects, figure.COLUMNS]; absent ones have an empty box."""
        rows = [self._figure(i, n) for i in range(self.subjects)]
        return np.array(rows, np.float32).reshape(self.subjects, figure.COLUMNS)

    def shadows(self, figures: np.ndarray[Any, Any], dx: float, dy: float) -> np.ndarray[Any, Any]:
        """The same figures, moved by (dx, dy), as they stand on the grid of their shadow, behind and to the right."""
        cast = figures.copy()
        cast[:, figure.X] = (figures[:, figure.X] + figures[:, figure.UNIT] / 4 + dx) / scene.GRID
        cast[:, figure.Y] = (figures[:, figure.Y] + figures[:, figure.UNIT] / 12 + dy) / scene.GRID
        cast[:, figure.UNIT] /= scene.GRID
        cast[:, figure.STRANDS] = 0
        return cast

    def _presence(self, n: int) -> float:
        """0 before a subject enters and after it has left, 1 while it is there; between, it walks for a second."""
        if n < self.enter or (self.leave and n >= self.leave + self.fps):
            return 0.0
        inside = 1.0 if self.enter == 0 or self.speed == 0 else float((n - self.enter + 1) / self.fps)
        outside = float((n - self.leave) / self.fps) if self.leave and n > self.leave else 0.0
        return max(min(inside, 1.0), 0.0) if outside == 0 else max(1 - outside, 0.0)

    def _figure(self, i: int, n: int) -> np.ndarray[Any, Any]:
        row = np.zeros(figure.COLUMNS)
        row[figure.RIGHT] = row[figure.BOTTOM] = -1  # an empty box
        presence = self._presence(n)
        if presence == 0:
            return row
        rng = np.random.default_rng([self.seed, 0, i])
        phase = rng.uniform(0, 2 * math.pi, 4) * (self.subjects > 1 or i > 0)
        t = float(n / self.fps) * self.speed
        ease = presence * presence * (3 - 2 * presence)
        slot = (i + 1) / (self.subjects + 1)
        sway = (0.07 if self.subjects == 1 else 0.5 / self.subjects) * math.sin(0.9 * t + phase[0])
        unit = 0.29 * self.height * self.size * (1 if self.subjects == 1 else rng.uniform(0.8, 1.0))
        x = self.width * (slot + sway)
        side = -1 if rng.random() < 0.5 else 1
        away = self.width + 4 * unit if side > 0 else -4 * unit
        lean = 0.035 * math.sin(0.7 * t + phase[1])
        row[figure.X] = away + (x - away) * ease
        row[figure.UNIT], row[figure.COS], row[figure.SIN] = unit, math.cos(lean), math.sin(lean)
        wear = {figure.SKIN: SKIN, figure.HAIR: HAIR, figure.CLOTH: CLOTH, figure.LEGS: LEGS}
        for column, choice in wear.items():
            row[column : column + 3] = choice[int(rng.integers(len(choice)))]
        if self.shape == "person":
            row[figure.KIND] = figure.PERSON
            total = (HEAD_TOP + FEET) * unit
            row[figure.Y] = max(0.09 * self.height, 0.95 * self.height - total) + HEAD_TOP * unit
            row[figure.Y] += 0.02 * unit * math.sin(1.7 * t + phase[2])
            row[figure.LOCKS] = 0.35 if rng.random() < 0.5 else 0.0
            row[figure.STRANDS] = self.hair
            row[figure.JOINTS : figure.JOINTS + 16] = _pose(t, phase[3])
            width, above, below = 2.5, HEAD_TOP + 0.6, FEET + 0.6
        else:
            row[figure.KIND] = figure.ELLIPSE
            row[figure.Y] = self.height * (0.5 + 0.1 * math.sin(1.3 * t + phase[1]))
            rx, ry = (1.0, 1.0) if self.shape == "disc" else (0.8, 1.3)
            row[figure.JOINTS], row[figure.JOINTS + 1] = rx, ry
            width = above = below = 1.4
        spare = self.edge + 1
        row[figure.LEFT], row[figure.RIGHT] = row[figure.X] + (unit * width + spare) * np.array([-1, 1])
        row[figure.TOP], row[figure.BOTTOM] = row[figure.Y] - unit * above - spare, row[figure.Y] + unit * below + spare
        return row


def _pose(t: float, phase: float) -> list[float]:
    """Elbows, hands, knees and feet at time t, in units: one arm hangs, the other waves now and then, legs walk."""
    wave = max(math.sin(0.55 * t + phase + 0.6), 0.0) ** 0.5
    swing = 0.08 * math.sin(1.1 * t + phase)
    elbow = 1.02 + 0.12 * wave, 1.3 - 0.22 * wave
    angle = (1 - wave) * 1.75 - 1.25 * wave + 0.28 * wave * math.sin(6 * t)
    hand = elbow[0] + 0.82 * math.cos(angle), elbow[1] + 0.82 * math.sin(angle)
    step = 0.45 * math.sin(2.6 * t + phase)
    lift = 0.12 * math.cos(2.6 * t + phase)
    return [
        *(-0.98 + swing / 2, 1.3, -0.9 + 1.4 * swing, 2.12),
        *elbow,
        *hand,
        *(-0.3 + 0.7 * step, 4.2, -0.32 + step, 5.9 + min(lift, 0)),
        *(0.3 - 0.7 * step, 4.2, 0.32 - step, 5.9 - max(lift, 0)),
    ]
