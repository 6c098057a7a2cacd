"""Loading: files of ours by their name, when what they are for is asked for; a process need not carry what it does not use."""

from __future__ import annotations

import gc
import importlib
from typing import Any


def load(place: str) -> Any:
    """What stands at ``module:name``: the only place that loads a file of ours by its name."""
    module, _, name = place.partition(":")
    # Modules stay for good: looking for garbage among them while they load took a quarter of every start.
    gc.disable()
    try:
        return getattr(importlib.import_module(module), name)
    finally:
        gc.freeze()
        gc.enable()
