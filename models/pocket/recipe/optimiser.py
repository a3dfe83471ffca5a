"""Muon for matrices and kernels, AdamW for everything else. At equal steps it was 1.2 dB ahead of AdamW on the autoencoder."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# Coefficients of the quintic Newton-Schulz iteration: github.com/KellerJordan/Muon
A, B, C = 3.4445, -4.7750, 2.0315
ITERATIONS = 4
UPDATE_RMS = 0.2


class Muon:
    """Orthogonalised momentum; kernels [o, i, h, w] count as matrices [o, i*h*w]. Equal shapes are updated together."""

    def __init__(self, parameters: Iterable[nn.Parameter], momentum: float = 0.95) -> None:
        self.momentum = momentum
        self.groups: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for parameter in parameters:
            self.groups[parameter.flatten(1).shape].append(parameter)
        self.velocity = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad.reshape(shape) for parameter in group])
            velocity = self.velocity[shape].mul_(self.momentum).add_(gradient)
            update = orthogonalise(gradient + velocity * self.momentum)
            for parameter, change in zip(group, update):
                parameter.add_(change.reshape(parameter.shape), alpha=-rate)


def orthogonalise(matrices: Tensor) -> Tensor:
    """[n, r, c] -> the nearest matrices with orthogonal rows (or columns), scaled to an RMS of UPDATE_RMS."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices)
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-9)).bfloat16()
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    x = (x.mT if tall else x).float()
    return x * UPDATE_RMS * max(x.shape[1:]) ** 0.5


class Optimiser:
    """Both methods over several networks, with one schedule: `scale` multiplies every rate."""

    def __init__(self, muon: list[tuple[nn.Module, float]], adam: list[tuple[nn.Module, float]], adam_share: float = 0.5) -> None:
        """`muon`: networks with their Muon rate (their vectors and embeddings get AdamW at `adam_share` of it); `adam`: AdamW for all."""
        self.muons: list[tuple[Muon, float]] = []
        groups: list[dict[str, Any]] = []
        for network, rate in muon:
            matrices, rest = split(network)
            self.muons.append((Muon(matrices), rate))
            groups.append({"params": rest, "lr": rate * adam_share, "base": rate * adam_share})
        for network, rate in adam:
            groups.append({"params": [p for p in network.parameters() if p.requires_grad], "lr": rate, "base": rate})
        self.adam = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
        self.parameters = [p for group in groups for p in group["params"]]
        self.parameters += [p for muon, _ in self.muons for group in muon.groups.values() for p in group]

    def step(self, scale: float) -> None:
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for muon, rate in self.muons:
            muon.step(rate * scale)
        for group in self.adam.param_groups:
            group["lr"] = group["base"] * scale
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        return {"adam": self.adam.state_dict(), "muon": [muon.velocity for muon, _ in self.muons]}

    def restore(self, state: dict[str, Any]) -> None:
        self.adam.load_state_dict(state["adam"])
        for (muon, _), velocity in zip(self.muons, state["muon"]):
            muon.velocity = velocity


def split(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trainable parameters: matrices and kernels; the rest (vectors, and embeddings, whose rows are looked up one by one)."""
    embeddings = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    trainable = [p for p in network.parameters() if p.requires_grad]
    matrices = [p for p in trainable if p.ndim >= 2 and id(p) not in embeddings]
    taken = {id(p) for p in matrices}
    return matrices, [p for p in trainable if id(p) not in taken]
