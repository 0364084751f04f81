"""What every test may ask for."""

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


# The first example compiles kernels, which takes a second; the suite's own time limit catches what hangs.
settings.register_profile("bgflow", deadline=None)
settings.load_profile("bgflow")
