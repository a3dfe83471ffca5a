"""
Warm start of the text encoder: from a caption to a coarse map of what is where. The gradient that reaches it through
the UNet teaches nouns very slowly; with this first, the UNet follows prompts after a third of the samples.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPTextModel

from captions import caption
from networks import WIDTH, new_text_encoder
from optimiser import Optimiser
from paint import label_map
from state import SEED, budget, log
from tokenizer import Tokenizer, open_tokenizer
from training import Training
from world import COLOURS, GROUNDS, OBJECTS, TIMES, Scene, draw_scene

STEPS = 600
BATCH = 64
CELLS = 8
TEXT_LENGTH = 32


class MapHead(nn.Module):
    """Asks the embeddings for every cell of the picture; thrown away after the warm start."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Embedding(CELLS * CELLS, WIDTH)
        layer = nn.TransformerDecoderLayer(WIDTH, 4, 256, dropout=0, batch_first=True, norm_first=True, activation="gelu")
        self.layers = nn.TransformerDecoder(layer, 2)
        self.norm = nn.LayerNorm(WIDTH)
        self.object, self.colour = nn.Linear(WIDTH, len(OBJECTS) + 1), nn.Linear(WIDTH, len(COLOURS) + 1)
        self.ground, self.time = nn.Linear(WIDTH, len(GROUNDS)), nn.Linear(WIDTH, len(TIMES))

    def forward(self, text: Tensor) -> dict[str, Tensor]:
        """[b, n, 128] -> logits: object and colour [b, k, cells], ground and time [b, k]."""
        cells = self.cells.weight.expand(len(text), -1, -1)
        cells = self.norm(self.layers(cells, text)).float()
        whole = cells.mean(1)
        maps = {"object": self.object(cells).mT, "colour": self.colour(cells).mT}
        return maps | {"ground": self.ground(whole), "time": self.time(whole)}


def train_text_encoder() -> None:
    """Stage `text_encoder`: the warm start, to where places that the caption leaves open bound it."""
    tokenizer = open_tokenizer()
    encoder, head = new_text_encoder(len(tokenizer.vocab)), MapHead()
    optimiser = Optimiser([(encoder, 2e-3), (head, 2e-3)], [], adam_share=1.0)
    training = Training("text_encoder", {"encoder": encoder, "head": head}, optimiser, budget("text_encoder", STEPS), decay=0.99)
    training.run(lambda step: _losses(encoder, head, tokenizer, step))
    training.use_average()
    log(f"text encoder: object right in {accuracy(encoder, head, tokenizer):.1%} of the cells of held-out things")


@torch.no_grad()
def accuracy(encoder: CLIPTextModel, head: MapHead, tokenizer: Tokenizer) -> float:
    """Share of foreground cells with the right object, over held-out scenes."""
    rng = np.random.default_rng(SEED + 8)
    scenes = [draw_scene(rng, held_out=True) for _ in range(256)]
    guessed = head(_embed(encoder, tokenizer, scenes, rng))["object"].argmax(1)
    wanted = _labels(scenes)[:, 0]
    return float((guessed == wanted)[wanted > 0].float().mean())


def _losses(encoder: CLIPTextModel, head: MapHead, tokenizer: Tokenizer, step: int) -> dict[str, Tensor]:
    rng = np.random.default_rng((SEED, 2, step))
    scenes = [draw_scene(rng) for _ in range(BATCH)]
    with torch.autocast("cpu", torch.bfloat16):
        guesses = head(_embed(encoder, tokenizer, scenes, rng))
    labels = _labels(scenes)
    ground = torch.tensor([GROUNDS.index(scene.ground) for scene in scenes])
    time = torch.tensor([TIMES.index(scene.time) for scene in scenes])
    return {
        "object": F.cross_entropy(guesses["object"].float(), labels[:, 0]),
        "colour": F.cross_entropy(guesses["colour"].float(), labels[:, 1]),
        "ground": 0.1 * F.cross_entropy(guesses["ground"].float(), ground),
        "time": 0.1 * F.cross_entropy(guesses["time"].float(), time),
    }


def _embed(encoder: CLIPTextModel, tokenizer: Tokenizer, scenes: list[Scene], rng: np.random.Generator) -> Tensor:
    """[b, 32, 128]."""
    return encoder(tokenizer([caption(scene, rng) for scene in scenes], TEXT_LENGTH)).last_hidden_state


def _labels(scenes: list[Scene]) -> Tensor:
    """[b, 2, 64] i64."""
    return torch.from_numpy(np.stack([label_map(scene, CELLS) for scene in scenes])).flatten(2)
