"""test/golden/data/refiner: pictures that SDXL's base begins and its refiner finishes, and one by the refiner alone, by Diffusers' pipelines.

The refiner is a small UNet of random weights, rounded to f16; the base, whose second text encoder and VAE it has, is sdxl beside it.
Needs diffusers 0.42.1, transformers 5.23.0, torch 2.15.0. Running it again gives the same bytes.
"""
import json
from pathlib import Path

import torch
from cases import write_cases
from diffusers import (DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, StableDiffusionXLImg2ImgPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel)
from diffusers.utils import logging
from families import CROSS, PLAIN, rounded, write
from PIL import Image
from safetensors.torch import load_file

DATA = Path(__file__).resolve().parent.parent / "data"
OUT = DATA / "refiner"
SIZE = 64
KINDS = [PLAIN, CROSS, CROSS, PLAIN]
UNET = dict(block_out_channels=[8, 16, 16, 16], down_block_types=[kind[0] for kind in KINDS], up_block_types=[kind[1] for kind in reversed(KINDS)],
            layers_per_block=1, norm_num_groups=4, attention_head_dim=2, cross_attention_dim=48, sample_size=SIZE // 8, transformer_layers_per_block=2,
            addition_embed_type="text_time", addition_time_embed_dim=16, projection_class_embeddings_input_dim=40 + 5 * 16, use_linear_projection=True)
SCHEDULERS = {"Euler": (EulerDiscreteScheduler, {}), "Euler a": (EulerAncestralDiscreteScheduler, {}),
              "DPM++ 2M Karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True})}
BAD = "lowres, bad anatomy, blurry"
BASE = {"prompt": "a photo of a cat", "negative_prompt": BAD, "seed": 0, "steps": 6, "guidance_scale": 7.5, "sampler": "Euler",
        "denoising_start": 0.6, "aesthetic_score": 6.0, "negative_aesthetic_score": 2.5}
CASES = {
    "euler": {}, "euler-zero-negative": {"negative_prompt": None, "guidance_scale": 5}, "euler-unguided": {"guidance_scale": 1, "seed": 3},
    "euler-scores": {"aesthetic_score": 9.0, "negative_aesthetic_score": 1.0, "denoising_start": 0.8},
    "euler-ancestral": {"sampler": "Euler a", "seed": 5}, "dpmpp-2m-karras": {"sampler": "DPM++ 2M Karras", "seed": 6},
    "refiner-alone": {"denoising_start": None, "strength": 0.5, "aesthetic_score": 8.0},
}


def pipelines(unet):
    base = StableDiffusionXLPipeline.from_pretrained(DATA / "sdxl", torch_dtype=torch.float32)
    refiner = StableDiffusionXLImg2ImgPipeline(base.vae, None, base.text_encoder_2, None, base.tokenizer_2, unet, base.scheduler,
                                               requires_aesthetics_score=True, force_zeros_for_empty_prompt=False, add_watermarker=False)
    for pipe in (base, refiner):
        pipe.set_progress_bar_config(disable=True)
    return base, refiner


def draw(base, refiner, case, init, config):
    """Base and refiner have one generator, which goes on where the other left it."""
    kind, options = SCHEDULERS[case["sampler"]]
    made = lambda: kind.from_config(config, **options)
    generator = torch.Generator().manual_seed(case["seed"])
    common = dict(prompt=case["prompt"], negative_prompt=case["negative_prompt"], num_inference_steps=case["steps"],
                  guidance_scale=case["guidance_scale"], generator=generator, return_dict=False)
    scores = dict(aesthetic_score=case["aesthetic_score"], negative_aesthetic_score=case["negative_aesthetic_score"], output_type="np")
    refiner.scheduler = made()
    if case["denoising_start"] is None:
        images = refiner(image=Image.fromarray(init.numpy()), strength=case["strength"], **scores, **common)[0]
    else:
        base.scheduler = made()
        latents = base(height=SIZE, width=SIZE, denoising_end=case["denoising_start"], output_type="latent", **common)[0]
        images = refiner(image=latents, denoising_start=case["denoising_start"], **scores, **common)[0]
    return torch.from_numpy((images * 255).round().astype("uint8"))


def main():
    torch.manual_seed(300)
    unet = rounded(UNet2DConditionModel(**UNET))
    write(unet, OUT / "unet")
    index = json.loads((DATA / "sdxl" / "model_index.json").read_text())
    index |= {"_class_name": "StableDiffusionXLImg2ImgPipeline", "text_encoder": [None, None], "tokenizer": [None, None],
              "force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True}
    (OUT / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
    init = load_file(DATA / "start" / "pictures.safetensors")["init"].reshape(SIZE, SIZE, 3)
    base, refiner = pipelines(unet)
    tensors, rows, config = {}, [], base.scheduler.config
    for name, changes in CASES.items():
        case = BASE | changes
        image = draw(base, refiner, case, init, config)
        print(f"{name:24s} mean {image.float().mean():.2f} deviation {image.float().std():.2f}", flush=True)
        tensors[name] = image.contiguous()
        rows.append({"case": name, **case})
    write_cases(OUT, rows, tensors)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    logging.set_verbosity_error()
    main()
