"""The loop that every stage shares: schedule, average of the weights, checkpoints that survive a kill, progress with ETA."""

import signal
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from optimiser import Optimiser
from state import load, log, save

CHECKPOINT_SECONDS = 150
LOG_SECONDS = 30
WARM_UP_STEPS = 60
# The rate is flat for this share, then falls linearly: a budget can be changed up to there without harm.
FLAT_SHARE = 0.6
FINAL_SCALE = 0.03


def scale_at(step: int, steps: int) -> float:
    """Factor on the rates."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    left = (steps - step) / max(1.0, steps * (1 - FLAT_SHARE))
    return warm * max(FINAL_SCALE, min(1.0, left))


class Training:
    """Trains `networks` for `steps`; goes on where the last run of the same `name` ended."""

    def __init__(self, name: str, networks: dict[str, nn.Module], optimiser: Optimiser, steps: int, decay: float) -> None:
        self.name, self.networks, self.optimiser, self.steps, self.decay = name, networks, optimiser, steps, decay
        self.step, self.seconds = 0, 0.0
        self.average = {key: _floats(network) for key, network in networks.items()}
        self._restore()
        self._stopped = False
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "_stopped", True))

    def run(self, loss_at: Callable[[int], dict[str, Tensor]]) -> None:
        """`loss_at(step)` gives named losses; their sum is what is lowered."""
        began = saved = logged = time.monotonic()
        first, means = self.step, {}
        while self.step < self.steps:
            losses = loss_at(self.step)
            sum(losses.values()).backward()
            self.optimiser.step(scale_at(self.step, self.steps))
            self._follow()
            self.step += 1
            for key, loss in losses.items():
                means[key] = means.get(key, loss.item()) * 0.97 + loss.item() * 0.03
            now = time.monotonic()
            if now - logged > LOG_SECONDS:
                logged = now
                self._log(means, (now - began) / (self.step - first))
            if now - saved > CHECKPOINT_SECONDS or self._stopped:
                self.seconds, began, first, saved = self.seconds + now - began, now, self.step, now
                self._save()
            if self._stopped:
                sys.exit(143)
        self.seconds += time.monotonic() - began
        self._save()

    def use_average(self) -> None:
        """Puts the averaged weights into the networks."""
        for key, network in self.networks.items():
            network.load_state_dict(self.average[key], strict=False)

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.decay, (1 + self.step) / (20 + self.step))
        for key, network in self.networks.items():
            for name, weight in network.named_parameters():
                self.average[key][name].lerp_(weight, 1 - decay)

    def _log(self, means: dict[str, float], pace: float) -> None:
        minutes = (self.steps - self.step) * pace / 60
        losses = "  ".join(f"{key} {value:.4f}" for key, value in means.items())
        log(f"{self.name} {self.step}/{self.steps}  {losses}  {pace:.2f} s/step  ETA {minutes:.1f} min")

    def _save(self) -> None:
        weights = {key: network.state_dict() for key, network in self.networks.items()}
        own = {"step": self.step, "seconds": self.seconds, "optimiser": self.optimiser.state()}
        save(self.name, {"networks": weights, "average": self.average, **own})

    def _restore(self) -> None:
        saved = load(self.name)
        if saved is None:
            return
        for key, network in self.networks.items():
            network.load_state_dict(saved["networks"][key])
        self.average, self.step, self.seconds = saved["average"], saved["step"], saved["seconds"]
        self.optimiser.restore(saved["optimiser"])
        log(f"{self.name}: resumed at step {self.step}")


def _floats(network: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def load_average(name: str, networks: dict[str, nn.Module]) -> bool:
    """Puts the averaged weights of a stage into networks; False when the stage never ran."""
    saved = load(name)
    if saved is None:
        return False
    for key, network in networks.items():
        network.load_state_dict(saved["average"][key], strict=False)
    return True
