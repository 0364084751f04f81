"""Other tools as stages, in this process and in another interpreter's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow.bench import peers
from bgflow.errors import BgflowError, UsageError
from bgflow.testing import opened, run_stage
from tests.commandline import bgflow

pytest.importorskip("cv2")
Rng = np.random.default_rng


def clip(shape: tuple[int, int, int] = (33, 47, 3)) -> list[np.ndarray[Any, Any]]:
    """Noise, then noise with something in it."""
    pictures = list(Rng(0).integers(90, 110, (8, *shape), np.uint8))
    pictures[-1][5:20, 10:30] = 200
    return pictures


@pytest.mark.parametrize("peer", [peers.Mog2, peers.Knn])
def test_a_tool_in_another_process_gives_the_same_mattes(peer: type[peers.Peer]) -> None:
    with opened(peer()) as here, opened(peer(python=sys.executable)) as there:
        for image in clip():
            alpha = np.array(here(image=image))
            np.testing.assert_array_equal(there(image=image), alpha)
        assert alpha[10, 20] == 1


def test_pictures_may_change_their_size_on_the_way_to_another_process() -> None:
    with opened(peers.Mog2(python=sys.executable)) as there:
        for shape in ((33, 47, 3), (1, 1, 3), (64, 20, 3)):
            assert there(image=np.zeros(shape, np.uint8)).shape == shape[:2]


def test_an_environment_is_named_by_its_folder_or_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert peers.interpreter(str(tmp_path)) == tmp_path / "bin" / "python"
    assert peers.interpreter(sys.executable) == Path(sys.executable).absolute()


def test_a_place_without_an_interpreter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        peers.interpreter(str(tmp_path))
    assert str(refused.value) == (
        f"{tmp_path}: is no interpreter and no virtual environment; give a folder that has bin/python"
    )


def test_a_tool_that_the_other_environment_lacks_is_told_before_the_first_picture() -> None:
    with pytest.raises(UsageError) as refused:
        peers.Worker(sys.executable, "rembg", {"model": "none", "file": __file__, "matting": False})
    where = f"rembg in {Path(sys.executable).absolute()}: "
    assert str(refused.value) == where + "ModuleNotFoundError: No module named 'rembg'"


def test_a_tool_that_breaks_down_is_told_with_its_last_words() -> None:
    worker = peers.Worker(sys.executable, "mog2", {})
    worker._process.kill()
    with pytest.raises(BgflowError, match=r"mog2 in .*: it ended with -9: it said nothing"):
        worker(np.zeros((4, 4, 3), np.uint8))
    worker.close()


def test_a_tool_that_is_nowhere_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BGFLOW_PEERS", raising=False)
    told = bgflow("eval", "bgflow.bench.peers:Selfie", "--layout", "synth", "--only", "clean")
    said = "mediapipe is not installed; name an environment that has it with python or BGFLOW_PEERS"
    assert told.code == 2
    assert said in told.err


@pytest.mark.slow
@pytest.mark.parametrize("peer", [peers.Rembg, peers.Selfie])
def test_peers_of_another_environment_find_a_person(peer: type[peers.Peer]) -> None:
    from bgflow.stages.synth import Source

    if "BGFLOW_PEERS" not in os.environ:
        pytest.skip("BGFLOW_PEERS names no environment with rembg and mediapipe")
    with opened(Source(width=320, height=180)) as source:
        of: dict[str, Any] = source.stage.render(40)  # type: ignore[attr-defined]
    found, truth = run_stage(peer(), image=of["image"]) >= 0.5, of["alpha"] >= 0.5
    assert (found & truth).sum() / (found | truth).sum() > 0.7
