"""Buttons in the picture, pressed by a hand in the air, a mouse or a finger."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
import pydantic

from bgflow.action import action
from bgflow.devices import to_host
from bgflow.document import near
from bgflow.dwell import Dwell
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import disc, flip
from bgflow.news import Notice
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage

GREEN, WHITE, AMBER, PALM = (40, 200, 90), (255, 255, 255), (255, 190, 60), (255, 40, 40)
OPACITY = 0.4  # of buttons
RING = 0.16  # of a button's radius
DOT = 0.02  # of the width: a palm
LINE = 0.075  # of the height: a line of text
LINES = 3
RISE, FALL = 3.0, 0.5  # seconds in which what covers a button is taken for what always does, and no more


Part = Annotated[float, pydantic.Field(ge=0, le=1)]


class Button(pydantic.BaseModel):
    """One button: `at` is its centre in parts of width and height, `do` an action, or what is set or toggled."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    label: str = pydantic.Field(max_length=12)
    at: tuple[Part, Part]
    colour: str = pydantic.Field(default="#2f62ff", pattern=r"^#[0-9a-fA-F]{6}$")
    do: str | Mapping[str, Any] = pydantic.Field(
        description="'stage.action', {set: {stage.param: value}} or {toggle: stage.param}"
    )

    @property
    def rgb(self) -> disc.Colour:
        r, g, b = bytes.fromhex(self.colour[1:])
        return r, g, b


Place = tuple[float, float, float]
"""x and y in parts of width and height, and a radius in parts of the width."""


class Places:
    """Where the buttons of a stage lie in the picture that comes in; a run's stages share it as ('buttons', name)."""

    now: tuple[Place, ...] = ()


USUAL = [
    Button(label="Ext", at=(0.85, 0.15), colour="#ff3030", do="run.stop"),
    Button(label="Sav", at=(0.85, 0.45), do="capture.save"),
    Button(label="Bkg", at=(0.15, 0.45), do="capture.plate"),
]


class Buttons(Stage, use="ui.buttons"):
    """Draws round buttons and does what they say when one is held for `dwell` seconds, or clicked on the page.

    What can hold one is what is wired: a palm of `palms` whose centre lies in it, or the subject of `alpha` when it
    covers more of the button than it usually does. Whoever comes to stand in a button presses it once and no more,
    because that becomes what is usual within seconds; palms have no such fault. All goes by the time of the frames.
    Lines that stages tell, such as a countdown, are shown at the bottom.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True, optional=True, description="the subject; what covers a button holds it")
    palms = In("f32[n,3]", hold=True, optional=True, description="x and y in parts of width and height, and score")
    out = Out("u8[h,w,3] rgb")

    buttons: list[Button] = Param(USUAL, description="label, at: [x, y], colour and do of each")
    radius: float = Param(0.06, gt=0.01, le=0.25, hot=True, description="of a button, in parts of the width")
    dwell: float = Param(0.6, ge=0, le=10, hot=True, unit="s", description="how long a hand must rest")
    gap: float = Param(0.15, ge=0, le=2, hot=True, unit="s", description="drop-outs of a hand that do not count")
    cover: float = Param(0.35, ge=0.05, le=1, hot=True, description="share of a button, above the usual, that holds it")
    score: float = Param(0.5, ge=0, le=1, hot=True, description="how sure a palm must be")
    mirror: bool = Param(False, hot=True, description="show the picture as a mirror does; the buttons stay readable")

    def problems(self) -> Iterable[tuple[str, str]]:
        for button in self.buttons:
            do = button.do
            if isinstance(do, str):
                good = bool(re.fullmatch(r"[\w-]+\.\w+", do))
            else:
                values, turned = do.get("set"), do.get("toggle")
                good = len(do) == 1 and ((bool(values) and isinstance(values, Mapping)) or isinstance(turned, str))
            if not good:
                yield (
                    "buttons",
                    f"{button.label} does {do!r}; wanted stage.action, {{set: {{stage.param: value}}}} "
                    "or {toggle: stage.param}",
                )

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        for button in self.buttons:
            self._possible(button)
        self._form: tuple[bool, float] | None = None
        self._places = ctx.shared(("buttons", ctx.name), Places)
        self._place()
        self._dwells = [Dwell() for _ in self.buttons]
        self._idle: list[float] = []
        self._then = 0.0
        self._pressed: set[int] = set()
        self._pointer: int | None = None
        self._read = ctx.controls.news.number
        self._notices: dict[str, tuple[Notice, float]] = {}
        self._masks: dict[str, tuple[Any, Array]] = {}
        self._size = (0, 0)

    def _possible(self, button: Button) -> None:
        """Raise UsageError when what a button does is not there in this graph."""
        controls, do = self.ctx.controls, button.do
        hot = {f"{it['stage']}.{it['param']}": it["value"] for it in controls.list()}
        if isinstance(do, str):
            known = {f"{it['stage']}.{it['action']}" for it in controls.actions()}
            if do not in known:
                raise UsageError(f"buttons: {button.label} does {do}, which there is not{near(do, known)}")
            return
        for target in do.get("set", {}):
            if controls.value(target) is None:
                raise UsageError(f"buttons: {button.label} sets {target}, which there is not{near(target, hot)}")
        switches = {name for name, value in hot.items() if isinstance(value, bool)}
        if "toggle" in do and do["toggle"] not in switches:
            hint = near(do["toggle"], switches)
            raise UsageError(f"buttons: {button.label} toggles {do['toggle']}, which is no switch{hint}")

    @action
    def point(self, x: float, y: float, down: bool = True, mirrored: bool = False) -> None:
        """Press what is at (x, y), in parts of the picture shown, or let go; `mirrored` where the page turns it."""
        h, w = self._size
        x = 1 - x if mirrored else x
        hit = [n for n in range(len(self.buttons)) if down and self._within(n, x, y, h, w)]
        self._pointer = hit[0] if hit else None
        self._pressed.update(hit[:1])

    def process(self, image: Array, alpha: Array | None, palms: Array | None) -> Array:
        h, w = self._size = image.shape[:2]
        now = float(self.ctx.frame.time)
        self._place()
        out = self.ctx.empty(self.out)
        if self.mirror:
            flip.flip(image, out, "horizontal")
        else:
            out[...] = image
        hands = self._hands(palms)
        held = self._covered(alpha, h, w, now)
        for n, button in enumerate(self.buttons):
            touched = held[n] or any(self._within(n, x, y, h, w) for x, y in hands)
            if self._dwells[n].advance(now, touched, self.dwell, self.gap) or n in self._pressed:
                self._do(button)
            self._draw(out, n, button, h, w)
        self._pressed.clear()
        for x, y in hands:
            disc.disc(out, y * h, x * w, DOT * w, PALM, OPACITY)
        self._tell(out, h, w, now)
        return out

    def _place(self) -> None:
        """Say where the buttons are, when that has changed."""
        if self._form != (self.mirror, self.radius):
            self._form = self.mirror, self.radius
            sides = [1 - b.at[0] if self.mirror else b.at[0] for b in self.buttons]
            self._places.now = tuple((x, b.at[1], self.radius) for x, b in zip(sides, self.buttons, strict=True))

    def _hands(self, palms: Array | None) -> list[tuple[float, float]]:
        """The centres of palms in the picture as it is shown."""
        if palms is None:
            return []
        return [(1 - x if self.mirror else x, y) for x, y, sure in to_host(palms).tolist() if sure >= self.score > 0]

    def _within(self, n: int, x: float, y: float, h: int, w: int) -> bool:
        bx, by = self.buttons[n].at
        return math.hypot((x - bx) * w, (y - by) * h) < self.radius * w

    def _covered(self, alpha: Array | None, h: int, w: int, now: float) -> list[bool]:
        """Whether the subject covers each button by more than it usually does."""
        if alpha is None or not self.buttons:
            return [False] * len(self.buttons)
        host = np.empty((len(self.buttons), 3), np.float32)
        for n, button in enumerate(self.buttons):
            x, y = button.at
            host[n] = y * h, (1 - x if self.mirror else x) * w, self.radius * w
        places = self.ctx.scratch("places", host.shape, np.float32)
        self.ctx.device.upload(host, places)
        shares = disc.covered(alpha, places, self.ctx.scratch("rows", (len(host), disc.GRID, 2), np.float32))
        passed, self._then = now - self._then, now
        if not self._idle or passed < 0:
            self._idle = list(shares)
        for n, share in enumerate(shares):
            patience = RISE if share > self._idle[n] else FALL
            self._idle[n] += (share - self._idle[n]) * (1 - math.exp(-passed / patience))
        return [share - idle >= self.cover for share, idle in zip(shares, self._idle, strict=True)]

    def _do(self, button: Button) -> None:
        if isinstance(button.do, str):
            self.ctx.act(button.do)  # what it answers is told by itself
            return
        controls = self.ctx.controls
        values = button.do.get("set") or {button.do["toggle"]: not controls.value(button.do["toggle"])}
        try:
            controls.update(values)
        except ValueError as e:
            self.ctx.tell(str(e), kind="refused")

    def _draw(self, out: Array, n: int, button: Button, h: int, w: int) -> None:
        dwell, r = self._dwells[n], self.radius * w
        y, x = button.at[1] * h, button.at[0] * w
        colour = GREEN if dwell.held or n == self._pointer else button.rgb
        disc.disc(out, y, x, r, colour, OPACITY, dwell.filled(self.dwell), max(RING * r, 2.0), WHITE)
        rows, columns = max(round(0.75 * r), 8), max(round(1.8 * r), 8)
        mask = self._mask(f"label {n}", button.label, rows, columns)
        disc.text(out, round(y - rows / 2), round(x - columns / 2), mask, WHITE)

    def _tell(self, out: Array, h: int, w: int, now: float) -> None:
        """Show what stages have told lately, the newest line at the bottom."""
        news = self.ctx.controls.news
        if news.number != self._read:
            for notice in news.after(self._read):
                self._notices.pop(notice.stage, None)
                self._notices[notice.stage] = notice, now
                self._read = notice.number  # and not the newest number: another may have come meanwhile
        if not self._notices:
            return
        self._notices = {k: v for k, v in self._notices.items() if 0 <= now - v[1] < v[0].seconds and v[0].text}
        rows = max(round(LINE * h), 12)
        for n, (notice, _) in enumerate(list(self._notices.values())[: -LINES - 1 : -1]):
            mask = self._mask(f"line {n}", notice.text, rows, w)
            disc.text(out, h - (n + 1) * rows - rows // 2, 0, mask, AMBER if notice.kind == "refused" else WHITE)

    def _mask(self, name: str, text: str, rows: int, columns: int) -> Array:
        """A text's mask on the device, drawn anew when the text or its size has changed."""
        key = text, rows, columns
        if name not in self._masks or self._masks[name][0] != key:
            from bgflow.media.lettering import lettering

            mask = self.ctx.scratch(name, (rows, columns, 2), np.uint8)
            self.ctx.device.upload(lettering(*key), mask)
            self._masks[name] = key, mask
        return self._masks[name][1]
