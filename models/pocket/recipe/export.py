"""Writes the model as a diffusers folder: the classes of Stable Diffusion 1.x, weights in half precision."""

import json
import math
import os
from importlib.metadata import version
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from transformers import CLIPTokenizer

from denoiser import open_denoiser
from latents import SHARD, open_autoencoder
from sampling import new_scheduler
from state import SEED, STATE, load, log
from styles import STYLES
from vocabulary import write_vocabulary
from world import COLOURS, GROUNDS, HELD_OUT_ONE_IN, OBJECTS, TIMES

# POCKET_OUT is for a look at unfinished weights; without it they land in the repository.
FOLDER = Path(os.environ.get("POCKET_OUT", Path(__file__).resolve().parent.parent))
TRAINED = ("checker", "autoencoder", "text_encoder", "denoiser", "decoder", "edges", "layout", *(f"lora-{style}" for style in STYLES))
NETWORKS = ("text_encoder", "unet", "vae")
# Notes of where the parts were loaded from.
LOCAL = ("_name_or_path", "is_local", "local_files_only")


def export() -> None:
    """Stage `export`."""
    unet, encoder, tokenizer = open_denoiser()
    tokenizer.save(FOLDER / "tokenizer")
    pipeline = StableDiffusionPipeline(
        vae=open_autoencoder(),
        text_encoder=encoder,
        tokenizer=CLIPTokenizer.from_pretrained(FOLDER / "tokenizer", model_max_length=77),
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(FOLDER)
    # transformers 5 writes tokenizer.json alone; the two files of CLIP are what every reader knows.
    tokenizer.save(FOLDER / "tokenizer")
    (FOLDER / "tokenizer" / "tokenizer.json").unlink(missing_ok=True)
    for path in FOLDER.glob("*/*config.json"):
        tidy_config(path)
    for path in FOLDER.glob("**/*.safetensors"):
        path.chmod(0o644)
    write_vocabulary(FOLDER)
    (FOLDER / "recipe.json").write_text(json.dumps(_history(), indent=2) + "\n")
    size = sum(path.stat().st_size for name in NETWORKS for path in (FOLDER / name).glob("*.safetensors"))
    log(f"export: {FOLDER}, {size / 1e6:.1f} MB of weights")


def _history() -> dict[str, object]:
    """What the weights come from: seed, data, steps and minutes of each stage, versions."""
    stages = {name: saved for name in TRAINED if (saved := load(name)) is not None}
    return {
        "seed": SEED,
        "data": {"objects": OBJECTS, "colours": COLOURS, "grounds": GROUNDS, "times": TIMES, "held out, one in": HELD_OUT_ONE_IN},
        "latents": len(list((STATE / "latents").glob("[0-9]*.npy"))) * SHARD,
        "stages": {name: {"steps": saved["step"], "minutes": round(saved["seconds"] / 60, 1)} for name, saved in stages.items()},
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers")},
    }


def tidy_config(path: Path) -> None:
    """Leaves out what does not travel: folders of this machine, and -Infinity, which is no JSON (it is the default)."""
    config = {key: value for key, value in json.loads(path.read_text()).items() if key not in LOCAL and value != -math.inf}
    path.write_text(json.dumps(config, indent=2) + "\n")
