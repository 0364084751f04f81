"""The two ends of a wire: what a stage takes and gives, written as one word of text.

    u8[h,w,3] rgb              element type, dims, meaning
    f32[h,w] alpha             0 none of the subject, 1 all of it
    u8[h,w] label              0 background, 127 shadow, 255 subject
    u8[h,w,4] straight         RGBA, colour not multiplied by alpha
    u8[h,w,4] premultiplied    RGBA, colour multiplied by alpha
    nv12[h,w]                  one u8 array: h rows of luma, then ceil(h/2) rows of interleaved chroma; limited range,
                               of BT.709 from 720 rows on, else BT.601, unless a parameter `matrix` says otherwise
    audio                      no array: an `AudioTrack`, sent once and held
    u8[h,w,3] rgb | u8[h,w,4] straight      an input that takes either

A dim is a number, a symbol (the same number on every port of the stage) or `{param}`. A meaning may be `{param}` too.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

ELEMENTS: dict[str, Any] = {
    "u8": np.uint8,
    "u16": np.uint16,
    "i32": np.int32,
    "f32": np.float32,
    "nv12": np.uint8,
}
MEANINGS = {
    "rgb": "RGB picture",
    "alpha": "alpha matte",
    "label": "label mask",
    "straight": "RGBA with straight alpha",
    "premultiplied": "RGBA with premultiplied alpha",
    "confidence": "confidence per pixel",
}
_TYPE = re.compile(r"(\w+)(?:\[([^\]]*)\])?(?:\s+(\S+))?")


@dataclass(frozen=True)
class Type:
    """One alternative of a port: element, dims and meaning; an element without dims is not an array."""

    element: str
    dims: tuple[str, ...] = ()
    meaning: str = ""

    @classmethod
    def parse(cls, text: str) -> Type:
        m = _TYPE.fullmatch(text.strip())
        if not m or (m[2] is not None and m[1] not in ELEMENTS):
            raise TypeError(f"{text!r} is not a port type; write for example 'u8[h,w,3] rgb'")
        if m[3] and m[3] not in MEANINGS and not m[3].startswith("{"):
            raise TypeError(f"{text!r}: {m[3]!r} is no meaning; there are {', '.join(MEANINGS)}")
        return cls(m[1], tuple(d.strip() for d in m[2].split(",")) if m[2] else (), m[3] or "")

    def __str__(self) -> str:
        dims = f"[{','.join(self.dims)}]" if self.dims else ""
        return f"{self.element}{dims}{' ' + self.meaning if self.meaning else ''}"

    @property
    def dtype(self) -> Any:
        """The numpy dtype of the array."""
        return ELEMENTS[self.element]

    def shape(self, size: Mapping[str, int]) -> tuple[int, ...]:
        """The array's shape once every symbol of `size` is known."""
        dims = tuple(int(d) if d.isdigit() else size[d] for d in self.dims)
        if self.element == "nv12":
            h, w = dims
            return (h + (h + 1) // 2, w + w % 2)
        return dims

    def bind(self, shape: tuple[int, ...], size: dict[str, int]) -> str | None:
        """Add what `shape` says to `size`; the name of the first dim that contradicts it, or None.

        An nv12 array does not tell whether its size was odd, so it binds nothing that is bound already.
        """
        if self.element == "nv12":
            h, w = self.dims
            size.setdefault(h, math.floor(shape[0] * 2 / 3))
            size.setdefault(w, shape[1])
            return None if self.shape(size) == shape else h
        if len(shape) != len(self.dims):
            return "number of dims"
        for d, n in zip(self.dims, shape, strict=True):
            if size.setdefault(d, int(d) if d.isdigit() else n) != n:
                return d
        return None

    def accepts(self, other: Type) -> str | None:
        """Why a value of type `other` cannot enter here, or None when it can."""
        if self.element == "any" or self == other:
            return None
        if self.element != other.element or len(self.dims) != len(other.dims):
            return "type"
        if any(a.isdigit() and b.isdigit() and a != b for a, b in zip(self.dims, other.dims, strict=True)):
            return "type"
        if self.meaning and other.meaning and self.meaning != other.meaning:
            return "meaning"
        return None


@functools.cache
def _types(text: str) -> tuple[Type, ...]:
    return tuple(Type.parse(t) for t in text.split("|"))


P = TypeVar("P", bound="Port")


@dataclass(frozen=True)
class Port:
    """What may cross this end of a wire: `Port("u8[h,w,3] rgb")`.

    `hold` (inputs): keep the newest value at or before this instant instead of waiting for one of this instant.
    `optional` (inputs): the stage gets None when nothing is wired, or nothing has come yet.
    `name`: the attribute's own, unless an In and an Out are to share one.
    """

    type: str
    hold: bool = False
    optional: bool = False
    description: str = ""
    name: str = ""

    @property
    def types(self) -> tuple[Type, ...]:
        """The alternatives, parsed."""
        return _types(self.type)

    def resolved(self: P, params: Mapping[str, Any]) -> P:
        """The port with `{param}` replaced by the stage's parameters."""
        return replace(self, type=self.type.format_map(params)) if "{" in self.type else self

    def __set_name__(self, owner: Any, name: str) -> None:
        if not self.name:
            object.__setattr__(self, "name", name)


class In(Port):
    """An input port."""


class Out(Port):
    """An output port."""


def mismatch(ref: str, out: Out, to: str, port: In) -> str | None:
    """Why `out` may not feed `port`, in words, or None."""
    given = out.types[0]
    reasons = [t.accepts(given) for t in port.types]
    if None in reasons or given.element == "any":
        return None
    wants = " or ".join(map(str, port.types))
    remedy = ""
    if {given.meaning, *(t.meaning for t in port.types)} >= {"straight", "premultiplied"}:
        remedy = "; set the mode of the stage that makes it, so that both are the same"
    elif given.meaning == "label" and any(t.meaning == "alpha" for t in port.types):
        remedy = "; use its alpha output"
    elif {given.element, *(t.element for t in port.types)} >= {"nv12", "u8"}:
        remedy = "; put preprocess.rgb or preprocess.nv12 between them"
    return f"{ref} is {given}, but {to} wants {wants}{remedy}"
