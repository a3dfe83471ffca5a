"""
What the quality of the shipped folder is measured with, by anyone who serves it: held-out prompts with what their pictures
have to show, drawings, and the checker's weights. And the same prompts sampled by Diffusers, to compare with.
"""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from captions import plain_caption
from checker import open_checker, read, score
from controlnet import edges, layout
from evaluation import BLOCK_TOLERANCE, EDGE_TOLERANCE_PIXELS, KINDS, held_out_scenes
from export import FOLDER
from paint import render
from sampling import GUIDANCE, STEPS
from sheet import write_sheet
from state import STATE, log
from styles import COLOURFUL, STYLE_NAMES, restyle
from world import COLOURS, GROUNDS, OBJECTS, PLACE_X, TIMES, Scene

PROMPTS_OF_A_KIND = 100
DRAWINGS = 40
DRAWN_PAIR_SHARE = 0.3
FIRST_SEED = 1000
BATCH = 10


def write_benchmark() -> None:
    """Stage `benchmark`: `evaluation/` in the model's folder."""
    folder = FOLDER / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    checker, scenes, drawn = open_checker(), _scenes(), held_out_scenes(DRAWN_PAIR_SHARE, DRAWINGS)
    weights = {key: value.half().contiguous() for key, value in checker.state_dict().items()}
    save_file(weights, folder / "checker.safetensors")
    (folder / "checker.safetensors").chmod(0o644)
    for name, draw in (("drawings", edges), ("layouts", layout)):
        write_sheet(folder / f"{name}.png", [draw(render(scene)) for scene in drawn], columns=8, gap=0)
    names = {"objects": OBJECTS, "colours": COLOURS, "grounds": GROUNDS, "times": TIMES, "styles": STYLE_NAMES}
    benchmark = {
        "steps": STEPS,
        "guidance": GUIDANCE,
        "edge_tolerance_pixels": EDGE_TOLERANCE_PIXELS,
        "block_tolerance": BLOCK_TOLERANCE,
        "names": names,
        "colourful_styles": COLOURFUL,
        "places": PLACE_X,
        "on_renders": {style: _on_renders(style) for style in STYLE_NAMES},
        "prompts": [_expected(scene, kind, seed) for seed, (kind, scene) in enumerate(scenes, FIRST_SEED)],
        "drawings": [_expected(scene, "drawing", seed) for seed, scene in enumerate(drawn, FIRST_SEED)],
    }
    (folder / "benchmark.json").write_text(json.dumps(benchmark, indent=1) + "\n")
    _write_readings(folder)
    log(f"benchmark: {len(scenes)} prompts, {len(drawn)} drawings in {folder}")


@torch.no_grad()
def sample_with_diffusers() -> None:
    """Stage `diffusers`: the prompts through StableDiffusionPipeline in f32 on the shipped folder, one PNG each."""
    pipeline = StableDiffusionPipeline.from_pretrained(FOLDER, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    prompts = json.loads((FOLDER / "evaluation" / "benchmark.json").read_text())["prompts"]
    folder = STATE / "diffusers"
    folder.mkdir(exist_ok=True)
    for start in range(0, len(prompts), BATCH):
        part = prompts[start : start + BATCH]
        generators = [torch.Generator().manual_seed(entry["seed"]) for entry in part]
        texts = [entry["prompt"] for entry in part]
        made = pipeline(texts, num_inference_steps=STEPS, guidance_scale=GUIDANCE, generator=generators, output_type="np").images
        for entry, picture in zip(part, (made * 255).round().astype(np.uint8)):
            cv2.imwrite(str(folder / f"{entry['seed']}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    _score_diffusers()


def _score_diffusers() -> None:
    for kind, pair_share in KINDS:
        seeds = [seed for seed, (of, _) in enumerate(_scenes(), FIRST_SEED) if of == kind]
        pictures = [cv2.cvtColor(cv2.imread(str(STATE / "diffusers" / f"{seed}.png")), cv2.COLOR_BGR2RGB) for seed in seeds]
        log(f"diffusers, {kind}: {score(open_checker(), held_out_scenes(pair_share, PROMPTS_OF_A_KIND), pictures)}")


def _write_readings(folder: Path) -> None:
    """Renders in every style with what the checker reads here: another reader of the same weights has to say the same."""
    styles = STYLE_NAMES * 2
    pictures = [restyle(style, render(scene)) for style, scene in zip(styles, held_out_scenes(0.5, len(styles)))]
    write_sheet(folder / "renders.png", pictures, columns=8, gap=0)
    readings = [asdict(reading) for reading in read(open_checker(), pictures)]
    (folder / "renders.json").write_text(json.dumps(readings, indent=1) + "\n")


def _scenes() -> list[tuple[str, Scene]]:
    return [(kind, scene) for kind, pair_share in KINDS for scene in held_out_scenes(pair_share, PROMPTS_OF_A_KIND)]


def _on_renders(style: str) -> dict[str, dict[str, float]]:
    """What the checker reads from the true pictures of the prompts: no model can be seen to do better."""
    checker, found = open_checker(), {}
    for kind, pair_share in KINDS:
        scenes = held_out_scenes(pair_share, PROMPTS_OF_A_KIND)
        found[kind] = score(checker, scenes, [restyle(style, render(scene)) for scene in scenes], style)
    return found


def _expected(scene: Scene, kind: str, seed: int) -> dict[str, object]:
    things = [{key: asdict(thing)[key] for key in ("kind", "colour")} for thing in scene.things]
    expected = {"things": things, "ground": scene.ground, "time": scene.time, "place": scene.place}
    return {"kind": kind, "seed": seed, "prompt": plain_caption(scene), **expected}
