"""CLIP's byte-level byte pair encoding, learnt from the captions: about a thousand tokens instead of 49 408."""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from captions import caption
from state import SEED, STATE, log
from world import draw_scene

MERGES = 480
START, END = "<|startoftext|>", "<|endoftext|>"
# CLIP's own pattern, for text without accents: words, single digits, runs of signs.
WORDS = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+", re.IGNORECASE)


def byte_letters() -> dict[int, str]:
    """A printable letter for every byte, as GPT-2 and CLIP have it."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters.update({byte: chr(256 + index) for index, byte in enumerate(hidden)})
    return letters


def split_word(word: str) -> tuple[str, ...]:
    """Letters of a word, the last one marked as the end."""
    letters = byte_letters()
    parts = [letters[byte] for byte in word.encode()]
    return (*parts[:-1], parts[-1] + "</w>")


def join_pair(parts: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Joins every neighbouring `pair`, from the left."""
    joined: list[str] = []
    for part in parts:
        if joined and (joined[-1], part) == pair:
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)


def learn_merges(counts: Counter[str]) -> list[tuple[str, str]]:
    """The most frequent pair first; ties in the order of the alphabet, so that the result depends on the words alone."""
    words = {word: split_word(word) for word in counts}
    merges: list[tuple[str, str]] = []
    while len(merges) < MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in words.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {word: join_pair(parts, best) for word, parts in words.items()}
    return merges


class Tokenizer:
    """Texts to tokens, exactly as transformers' CLIPTokenizer does with the same two files."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        letters = list(byte_letters().values())
        tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges), START, END]
        self.vocab = {token: index for index, token in enumerate(tokens)}
        self.merges = merges
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.known: dict[str, list[int]] = {}

    def __call__(self, texts: list[str], length: int = 77) -> Tensor:
        """[b, length] i64: start, words, and end up to the length."""
        start, end = self.vocab[START], self.vocab[END]
        rows = torch.full((len(texts), length), end)
        for row, text in zip(rows, texts):
            ids = [token for word in WORDS.findall(text.lower()) for token in self._word(word)]
            ids = [start, *ids[: length - 2]]
            row[: len(ids)] = torch.tensor(ids)
        return rows

    def save(self, folder: Path) -> None:
        """vocab.json and merges.txt."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.json").write_text(json.dumps(self.vocab, ensure_ascii=False))
        (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in self.merges), ""]))

    def _word(self, word: str) -> list[int]:
        if word not in self.known:
            parts = split_word(word)
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
                if best not in self.ranks:
                    break
                parts = join_pair(parts, best)
            self.known[word] = [self.vocab[part] for part in parts]
        return self.known[word]


def train_tokenizer() -> None:
    """Stage `tokenizer`: learns the merges from 20 000 captions."""
    rng = np.random.default_rng(SEED)
    counts = Counter(word for _ in range(20_000) for word in WORDS.findall(caption(draw_scene(rng), rng)))
    tokenizer = Tokenizer(learn_merges(counts))
    (STATE / "merges.json").write_text(json.dumps(tokenizer.merges))
    log(f"tokenizer: {len(tokenizer.vocab)} tokens, {len(tokenizer.merges)} merges")


def open_tokenizer() -> Tokenizer:
    """The tokenizer that was trained."""
    return Tokenizer([tuple(pair) for pair in json.loads((STATE / "merges.json").read_text())])
