"""test/golden/data/tiles: what Diffusers' AutoencoderKL makes in tiles, and without, on the small checkpoint beside it.

Needs diffusers 0.42.1, torch 2.15.0. Tiles of 8 × 8 latent pixels with an overlap of a quarter; latents of 20 × 14.
"""
from pathlib import Path

import torch
from diffusers import AutoencoderKL
from safetensors.torch import save_file

DATA = Path(__file__).resolve().parent.parent / "data"

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
torch.set_grad_enabled(False)
vae = AutoencoderKL.from_pretrained(DATA / "sd15" / "vae", torch_dtype=torch.float32).eval()
latents = torch.nn.functional.interpolate(torch.randn(1, 4, 5, 4, generator=torch.Generator().manual_seed(5)), size=(20, 14), mode="bicubic") * 2
whole = vae.decode(latents / vae.config.scaling_factor).sample
pixels = whole.clamp(-1, 1)
moments = vae.encode(pixels).latent_dist
vae.enable_tiling()
vae.tile_latent_min_size, vae.tile_sample_min_size = 8, 64
tiled = vae.decode(latents / vae.config.scaling_factor).sample
tiled_moments = vae.encode(pixels).latent_dist
print("decode: tiled against whole", (tiled - whole).abs().max().item(), "of", whole.abs().max().item())
print("encode: tiled against whole", (tiled_moments.mean - moments.mean).abs().max().item(), "of", moments.mean.abs().max().item())
save_file({name: tensor.contiguous() for name, tensor in {
    "latents": latents, "decoded": tiled, "pixels": pixels, "mean": tiled_moments.mean, "logvar": tiled_moments.logvar}.items()},
    DATA / "tiles" / "tiles.safetensors")
