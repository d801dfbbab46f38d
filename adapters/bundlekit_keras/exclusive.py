"""Locks for what Keras keeps for a whole process, and builds its models by: registry and floatx."""

from __future__ import annotations

import threading

building = threading.RLock()
"""Held while anything is built. Two builds at once would see each other's settings. Whoever wants
both locks takes this one first."""
altered = threading.RLock()
"""Held while registry or floatx are not what the process set, and by whoever reads them."""
