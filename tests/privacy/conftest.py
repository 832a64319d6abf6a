from __future__ import annotations

import os

# Read when numpy is loaded: a helper thread for each core only takes time from the other sections.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = ["sandboxed"]
