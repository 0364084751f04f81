"""What every test may ask for."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped where it is absent."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the repository")
    return folder.resolve()


@pytest.fixture
def engine() -> Iterator[None]:
    """For tests that run toys: their notes begin empty, and no run may leave a thread behind."""
    from tests.toys import EVENTS, MET

    EVENTS.clear()
    MET.clear()
    before = set(threading.enumerate())
    yield
    left = [t.name for t in set(threading.enumerate()) - before if t.name.startswith("bgflow:")]
    assert left == [], "a run left threads behind"


# The first example compiles kernels, which takes a second; the suite's own time limit catches what hangs.
# CI looks at the same examples every time, so that what lands is what was tried; elsewhere the search is random.
settings.register_profile("bgflow", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bgflow")
