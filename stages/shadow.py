"""What becomes of the subject's shadow: by itself it is removed; here it is cast again, or kept with the subject."""

from __future__ import annotations

from collections.abc import Hashable

from bgflow.frame import Array
from bgflow.kernels import shade
from bgflow.port import In, Out
from bgflow.stage import Param, Stage


class Cast(Stage, use="shadow.cast"):
    """Measures the shadow that falls on the old background, so that `compose.replace` can cast it on the new one.

    How dark it is comes from picture and plate, in any exposure; where it is, from a label with shadows, such as
    that of `mog.mask`, `samples.mask` or `plate.mask`. Under the subject it goes on as it is around it, so that soft
    edges show no gap. Detail finer than a 135th of the height is lost.
    """

    image = In("u8[h,w,3] rgb")
    plate = In("u8[h,w,3] rgb", hold=True, description="the background without anybody, and without the shadow")
    label = In("u8[h,w] label", description="127 where a shadow falls")
    alpha = In("f32[h,w] alpha", hold=True, description="the subject")
    shade = Out("f32[h,w]", description="light that is left: 1 without a shadow, 0.5 where it takes half")

    strength: float = Param(1.0, ge=0, le=2, hot=True, description="depth of the shadow, of that in the picture")
    blur: float = Param(0.0, ge=0, le=10, hot=True, unit="%", description="of the height: how far it is softened")

    def process(self, image: Array, plate: Array, label: Array, alpha: Array) -> Array:
        out: Array = self.ctx.empty(self.shade)
        blur = self.blur / 100 * label.shape[0]
        shade.cast(image, plate, label, alpha, out, self.strength, blur, self.ctx.scratch)
        return out

    def launches(self) -> Hashable:
        return ()


class Keep(Stage, use="shadow.keep"):
    """Keeps the shadow in the matte, with the old background under it: a patch of floor at somebody's feet."""

    label = In("u8[h,w] label", description="127 where a shadow falls")
    alpha = In("f32[h,w] alpha", hold=True, description="the subject")
    kept = Out("f32[h,w] alpha", name="alpha", description="the subject and its shadow")

    strength: float = Param(1.0, ge=0, le=1, hot=True, description="alpha of the shadow")

    def process(self, label: Array, alpha: Array) -> Array:
        out: Array = self.ctx.empty(self.kept)
        shade.keep(label, alpha, out, self.strength, self.ctx.scratch)
        return out

    def launches(self) -> Hashable:
        return ()
