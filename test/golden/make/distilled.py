"""test/golden/data/distilled: whole pictures of models with another UNet or scheduler than their base, by Diffusers' pipelines.

Each has a UNet of its own or that of its base; text encoders, tokenizers and VAE are those of sd15 and sdxl beside it.
Random weights, rounded to f16. Needs diffusers 0.42.1, transformers 5.23.0, torch 2.15.0. Running it again gives the same bytes.
"""
import json
import sys
from pathlib import Path

import torch
from cases import write_cases
from diffusers import (DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, LatentConsistencyModelPipeline, LCMScheduler,
                       StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.utils import logging
from families import CROSS, PLAIN, rounded, write

DATA = Path(__file__).resolve().parent.parent / "data"
OUT = DATA / "distilled"
SIZE = 64


def unet(kinds, context, **more):
    channels = [8, 16, 16, 16][: len(kinds)]
    return dict(block_out_channels=channels, down_block_types=[kind[0] for kind in kinds], up_block_types=[kind[1] for kind in reversed(kinds)],
                norm_num_groups=4, attention_head_dim=2, cross_attention_dim=context, sample_size=SIZE // 8) | more


SD, XL = [CROSS, CROSS, CROSS, PLAIN], [PLAIN, CROSS, CROSS]
BETAS = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
# As the checkpoints of Turbo and Lightning have them.
TRAILING = dict(**BETAS, timestep_spacing="trailing")
MODELS = {
    "lcm": dict(base="sd15", pipeline=LatentConsistencyModelPipeline, unet=dict(kinds=SD, layers_per_block=1, time_cond_proj_dim=10),
                scheduler=LCMScheduler(**BETAS, original_inference_steps=50, clip_sample=False, set_alpha_to_one=True, steps_offset=1)),
    "bk-sdm": dict(base="sd15", pipeline=StableDiffusionPipeline, unet=dict(kinds=SD, layers_per_block=1, mid_block_type=None),
                   scheduler=DDIMScheduler(**BETAS, clip_sample=False, set_alpha_to_one=False, steps_offset=1)),
    "turbo": dict(base="sdxl", pipeline=StableDiffusionXLPipeline, scheduler=EulerAncestralDiscreteScheduler(**TRAILING, steps_offset=1)),
    "ssd-1b": dict(base="sdxl", pipeline=StableDiffusionXLPipeline, scheduler=EulerDiscreteScheduler(**BETAS, timestep_spacing="leading", steps_offset=1),
                   unet=dict(kinds=XL, mid_block_type="UNetMidBlock2D", layers_per_block=2, transformer_layers_per_block=[1, [2, 2], [1, 3]],
                             reverse_transformer_layers_per_block=[[1, 3, 2], [2, 1, 1], 1], addition_embed_type="text_time",
                             addition_time_embed_dim=16, projection_class_embeddings_input_dim=136, use_linear_projection=True)),
}
# A null sampler is that of the model's own configuration.
CAT = {"prompt": "a photo of a cat", "negative_prompt": None, "seed": 0, "sampler": None}
CASES = [
    {**CAT, "case": "lcm", "model": "lcm", "steps": 4, "guidance_scale": 8.5},
    {**CAT, "case": "lcm-other-scale", "model": "lcm", "steps": 2, "guidance_scale": 3, "seed": 5},
    {**CAT, "case": "bk-sdm", "model": "bk-sdm", "steps": 6, "guidance_scale": 7.5, "negative_prompt": "lowres, bad anatomy, blurry"},
    {**CAT, "case": "turbo-1-step", "model": "turbo", "steps": 1, "guidance_scale": 0},
    {**CAT, "case": "turbo-4-steps", "model": "turbo", "steps": 4, "guidance_scale": 0, "seed": 7},
    {**CAT, "case": "lightning-4-steps", "model": "turbo", "steps": 4, "guidance_scale": 0, "sampler": "Euler"},
    {**CAT, "case": "ssd-1b", "model": "ssd-1b", "steps": 5, "guidance_scale": 9, "negative_prompt": "lowres, bad anatomy, blurry"},
    {**CAT, "case": "ssd-1b-zero-negative", "model": "ssd-1b", "steps": 5, "guidance_scale": 5},
]


def write_model(name, row, index):
    """Whatever a checkpoint has of its own; its base's pipeline with that in it."""
    folder, base = OUT / name, row["pipeline"].from_pretrained(DATA / row["base"], torch_dtype=torch.float32)
    parts = dict(base.components) | {"scheduler": row["scheduler"]}
    if "unet" in row:
        torch.manual_seed(200 + index)
        own = dict(row["unet"])
        parts["unet"] = rounded(UNet2DConditionModel(**unet(own.pop("kinds"), base.unet.config.cross_attention_dim, **own)))
        write(parts["unet"], folder / "unet")
    row["scheduler"].save_pretrained(folder / "scheduler")
    more = {"force_zeros_for_empty_prompt": True} if row["base"] == "sdxl" else {"requires_safety_checker": False}
    given = json.loads((DATA / row["base"] / "model_index.json").read_text())
    given |= {"_class_name": row["pipeline"].__name__, "scheduler": ["diffusers", type(row["scheduler"]).__name__]}
    (folder / "model_index.json").write_text(json.dumps(given, indent=1) + "\n")
    made = row["pipeline"](**parts, **more)
    made.set_progress_bar_config(disable=True)
    return made


def draw(pipe, case):
    negative = {} if case["negative_prompt"] is None else {"negative_prompt": case["negative_prompt"]}
    images = pipe(prompt=case["prompt"], **negative, height=SIZE, width=SIZE, num_inference_steps=case["steps"], guidance_scale=case["guidance_scale"],
                  generator=torch.Generator().manual_seed(case["seed"]), output_type="np", return_dict=False)[0]
    return torch.from_numpy((images * 255).round().astype("uint8"))


def main():
    tensors = {}
    for index, (name, row) in enumerate(MODELS.items()):
        pipe = write_model(name, row, index)
        for case in CASES:
            if case["model"] != name:
                continue
            if case["sampler"] == "Euler":
                pipe.scheduler = EulerDiscreteScheduler.from_config(row["scheduler"].config)
            image = draw(pipe, case)
            print(f"{case['case']:24s} mean {image.float().mean():.2f} deviation {image.float().std():.2f}", flush=True)
            tensors[case["case"]] = image.contiguous()
    write_cases(OUT, [{**case, "base": MODELS[case["model"]]["base"]} for case in CASES], tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    logging.set_verbosity_error()
    sys.exit(main())
