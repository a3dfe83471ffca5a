"""Small UNets of the families that have one of another build, and what Diffusers says of them: test/golden/data/families/.

Random weights, rounded to f16 and computed in f32; the tolerance is 10 x the difference to f64, not under 1e-5.
Needs torch, diffusers, safetensors. Running it again gives the same bytes.
"""
import json
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import LatentConsistencyModelPipeline
from safetensors.torch import save_file

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "data" / "families")
CROSS = ("CrossAttnDownBlock2D", "CrossAttnUpBlock2D")
PLAIN = ("DownBlock2D", "UpBlock2D")
TOKENS, CONTEXT, POOLED, SIZE_WIDTH, GUIDANCE = 7, 16, 12, 4, 10


def unet(kinds, **more):
    config = dict(
        block_out_channels=[8, 16, 16, 16][: len(kinds)],
        down_block_types=[kind[0] for kind in kinds],
        up_block_types=[kind[1] for kind in reversed(kinds)],
        layers_per_block=2,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=CONTEXT,
        sample_size=8,
    )
    return {**config, **more}


SD = [CROSS, CROSS, CROSS, PLAIN]
XL = [PLAIN, CROSS, CROSS]


def added(sizes):
    return dict(
        addition_embed_type="text_time",
        addition_time_embed_dim=SIZE_WIDTH,
        projection_class_embeddings_input_dim=POOLED + sizes * SIZE_WIDTH,
        use_linear_projection=True,
    )


UNETS = {
    "inpainting": unet(SD, in_channels=9),
    "bk-sdm-small": unet(SD, layers_per_block=1, mid_block_type=None),
    "bk-sdm-tiny": unet([CROSS, CROSS, CROSS], layers_per_block=1, mid_block_type=None),
    "ssd-1b": unet(
        XL,
        mid_block_type="UNetMidBlock2D",
        transformer_layers_per_block=[1, [2, 2], [1, 3]],
        reverse_transformer_layers_per_block=[[1, 3, 2], [2, 1, 1], 1],
        **added(6),
    ),
    "refiner": unet([PLAIN, CROSS, CROSS, PLAIN], transformer_layers_per_block=2, **added(5)),
    "lcm": unet(SD, time_cond_proj_dim=GUIDANCE),
    "xl-inpainting": unet(XL, in_channels=9, transformer_layers_per_block=[1, 1, 2], **added(6)),
}


def write(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    config = {key: value for key, value in model.config.items() if not key.startswith("_") or key == "_class_name"}
    (folder / "config.json").write_text(json.dumps({"_class_name": type(model).__name__, **config}, indent=1) + "\n")
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "diffusion_pytorch_model.safetensors")


def rounded(model):
    model.eval().load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    return model


def measure(model, run):
    """Of f32, and the tolerance by f64."""
    with torch.no_grad():
        single = run(model.float(), torch.float32)
        double = run(model.double(), torch.float64)
    model.float()
    seen = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(single, double))
    return single, max(10 * seen, 1e-5)


def inputs_of(config):
    g = torch.Generator().manual_seed(7)
    tensors = {
        "sample": torch.randn(2, config["in_channels"], 8, 16, generator=g),
        "encoder_hidden_states": torch.randn(2, TOKENS, CONTEXT, generator=g),
    }
    if config.get("addition_embed_type"):
        sizes = (config["projection_class_embeddings_input_dim"] - POOLED) // SIZE_WIDTH
        tensors["text_embeds"] = torch.randn(2, POOLED, generator=g)
        tensors["time_ids"] = torch.tensor([[64.0, 128.0, 0.0, 3.0, 64.0, 128.0][:sizes]] * 2)
    return tensors


def main():
    tolerances = {}
    for index, (name, config) in enumerate(UNETS.items()):
        torch.manual_seed(index)
        model = rounded(UNet2DConditionModel(**config))
        tensors = inputs_of({"in_channels": 4, **config})
        more = {}
        if config.get("time_cond_proj_dim"):
            scale = torch.tensor(8.5 - 1).repeat(1)
            tensors["timestep_cond"] = LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, scale, GUIDANCE)
        if "text_embeds" in tensors:
            more["added_cond_kwargs"] = lambda dtype: {key: tensors[key].to(dtype) for key in ("text_embeds", "time_ids")}

        def run(model, dtype):
            cond = tensors.get("timestep_cond")
            return [
                model(
                    tensors["sample"].to(dtype),
                    500,
                    tensors["encoder_hidden_states"].to(dtype),
                    timestep_cond=None if cond is None else cond.to(dtype),
                    **{key: value(dtype) for key, value in more.items()},
                ).sample
            ]

        (out,), tolerances[name] = measure(model, run)
        write(model, OUT / name)
        save_file({**tensors, "out": out.contiguous()}, OUT / name / "recorded.safetensors")

    torch.manual_seed(100)
    tiny = rounded(
        AutoencoderTiny(
            encoder_block_out_channels=[8] * 4,
            decoder_block_out_channels=[8] * 4,
            num_encoder_blocks=[1, 2, 2, 2],
            num_decoder_blocks=[2, 2, 2, 1],
        )
    )
    g = torch.Generator().manual_seed(7)
    latents, image = torch.randn(1, 4, 8, 16, generator=g), torch.rand(1, 3, 64, 128, generator=g) * 2 - 1

    def run_tiny(model, dtype):
        return [model.decode(latents.to(dtype)).sample, model.encode(image.to(dtype)).latents]

    (decoded, encoded), tolerances["taesd"] = measure(tiny, run_tiny)
    write(tiny, OUT / "taesd")
    recorded = {"latents": latents, "image": image, "decoded": decoded, "encoded": encoded}
    save_file({key: value.contiguous() for key, value in recorded.items()}, OUT / "taesd" / "recorded.safetensors")
    (OUT / "tolerances.json").write_text(json.dumps(tolerances, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
