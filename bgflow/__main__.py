"""`python -m bgflow` is `bgflow`."""

import sys

from bgflow.cli import main

sys.exit(main())
