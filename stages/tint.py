"""The stage `compose.tint`: a film of colour over the subject, to see what is taken for it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from bgflow.action import action
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.kernels import over
from bgflow.media.background import Colour, colour
from bgflow.port import In, Out
from bgflow.stage import Context, Param, Stage


class Film:
    """A colour that is checked; mixed into a Stage with a parameter `colour`."""

    colour: str

    def problems(self) -> Iterable[tuple[str, str]]:
        """The colour, where it is none."""
        if colour(self.colour) is None:
            yield "colour", f"{self.colour!r} is no colour; write '#rrggbb' or a CSS name"

    def open(self, ctx: Context) -> None:
        """Refuse what is no colour, also when nobody has checked the graph."""
        super().open(ctx)  # type: ignore[misc]
        for _, wrong in self.problems():
            raise UsageError(f"colour: {wrong}")


class Tint(Film, Stage, use="compose.tint"):
    """Lay a film of colour over the subject, as `compose.mask` does over all else.

    Without a matte, or when it is not `active`, the picture goes through as it is, at no cost.
    """

    image = In("u8[h,w,3] rgb")
    alpha = In("f32[h,w] alpha", hold=True, optional=True, description="the subject; until it comes nothing is tinted")
    out = Out("u8[h,w,3] rgb")

    active: bool = Param(True, hot=True, description="off shows the picture as it is")
    colour: str = Param("#2f62ff", hot=True, description="the film's colour")
    opacity: float = Param(0.6, ge=0, le=1, hot=True, description="the film's opacity")

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._showing = False

    @action
    def toggle(self) -> str:
        """Tint the subject, or no longer."""
        self.ctx.controls.update({f"{self.ctx.name}.active": not self.active})
        return "tint off" if self.active else "tint on"

    def launches(self) -> Hashable | None:
        return () if self._showing and self.active else None

    def process(self, image: Array, alpha: Array | None) -> Array:
        self._showing = alpha is not None and self.active
        if alpha is None or not self.active:
            return image
        out = self.ctx.empty(self.out)
        over.film(image, alpha, colour(self.colour) or Colour(0, 0, 255), self.opacity, out)
        return out
