"""Other tools as stages, so that `bgflow eval --against` judges them on the same pictures by the same measures.

    bgflow eval u2net.mask --against bgflow.bench.peers:Rembg --data photos/
    bgflow eval mog.mask --against bgflow.bench.peers:Mog2 --against bgflow.bench.peers:Knn --data highway/

Each is the tool as it comes. OpenCV is in `bgflow[bench]`; rembg is not, because it pins versions of its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from bgflow import In, Out, Param, Stage, models
from bgflow.errors import UsageError
from bgflow.frame import Array
from bgflow.stage import Context


class Rembg(Stage, use="bgflow.bench.peers:Rembg"):
    """rembg with bgflow's own file of the model, so that nothing is downloaded; `matting` is its option -a."""

    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    model: str = Param("u2netp", description="a model that both tools know")
    matting: bool = Param(False, description="alpha matting behind the network, as rembg does it")
    host = True

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        self._home = tempfile.TemporaryDirectory(prefix="bgflow-rembg-")
        shutil.copy(models.find(self.model).path, Path(self._home.name) / f"{self.model}.onnx")
        before = os.environ.get("U2NET_HOME")
        os.environ["U2NET_HOME"] = self._home.name
        try:
            import rembg
        except ImportError as e:
            raise UsageError(f"{e.name} is not installed; pip install rembg onnxruntime") from None
        else:
            self._session = rembg.new_session(self.model)
            self._remove: Any = rembg.remove
        finally:
            if before is None:
                del os.environ["U2NET_HOME"]
            else:
                os.environ["U2NET_HOME"] = before

    def process(self, image: Array) -> Array:
        cut = self._remove(image, session=self._session, alpha_matting=self.matting, only_mask=not self.matting)
        alpha = self.ctx.empty(self.alpha)
        np.multiply(cut[..., 3] if cut.ndim == 3 else cut, np.float32(1 / 255), out=alpha)
        return alpha

    def close(self) -> None:
        self._home.cleanup()


class Subtractor(Stage):
    """A background subtractor of OpenCV with its default parameters; shadows do not count as subject."""

    image = In("u8[h,w,3] rgb")
    label = Out("u8[h,w] label")
    alpha = Out("f32[h,w] alpha")
    host = True

    factory = staticmethod(lambda cv2: None)

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        try:
            import cv2
        except ImportError:
            raise UsageError("cv2 is not installed; pip install 'bgflow[bench]'") from None
        self._model: Any = type(self).factory(cv2)

    def process(self, image: Array) -> dict[str, Array]:
        found = self._model.apply(np.ascontiguousarray(image[..., ::-1]))
        label, alpha = self.ctx.empty(self.label), self.ctx.empty(self.alpha)
        np.copyto(label, found)
        np.equal(found, 255, out=alpha, casting="unsafe")
        return {p: v for p, v in (("label", label), ("alpha", alpha)) if self.ctx.wired(p)}


class Mog2(Subtractor, use="bgflow.bench.peers:Mog2"):
    """OpenCV's createBackgroundSubtractorMOG2()."""

    factory = staticmethod(lambda cv2: cv2.createBackgroundSubtractorMOG2())


class Knn(Subtractor, use="bgflow.bench.peers:Knn"):
    """OpenCV's createBackgroundSubtractorKNN()."""

    factory = staticmethod(lambda cv2: cv2.createBackgroundSubtractorKNN())
