"""Where the training keeps what it has reached, outside the repository, so that any kill costs minutes at most."""

import os
import time
from pathlib import Path
from typing import Any

import torch

STATE = Path(os.environ.get("POCKET_STATE", Path.home() / ".cache" / "latentmesh-pocket"))
SEED = 20260101


def budget(name: str, default: int) -> int:
    """How many steps a stage takes: POCKET_<NAME>_STEPS, else the default."""
    return int(os.environ.get(f"POCKET_{name.upper()}_STEPS", default))


def save(name: str, value: Any) -> None:
    """Writes `name`.pt so that a kill leaves either the old file or the new one."""
    STATE.mkdir(parents=True, exist_ok=True)
    partial = STATE / f"{name}.pt.partial"
    torch.save(value, partial)
    partial.replace(STATE / f"{name}.pt")


def load(name: str) -> Any | None:
    """What `save` wrote, or None."""
    path = STATE / f"{name}.pt"
    return torch.load(path, weights_only=False) if path.exists() else None


def log(line: str) -> None:
    """One line on standard output, with the time."""
    print(time.strftime("%H:%M:%S"), line, flush=True)
