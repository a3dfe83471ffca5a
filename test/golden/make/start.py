"""test/golden/data/start: generations that start from a picture, by Diffusers' pipelines on the small checkpoint beside it.

Needs diffusers 0.42.1, transformers 5.23.0, torch 2.15.0. Running it again gives the same bytes.
Tolerance of a tensor: 10 times the largest difference between float32 and float64, and not under 2e-5.
"""
from pathlib import Path

import torch
from cases import write_cases
from diffusers import (ControlNetModel, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, HeunDiscreteScheduler,
                       LCMScheduler, PNDMScheduler, StableDiffusionControlNetImg2ImgPipeline, StableDiffusionImg2ImgPipeline,
                       StableDiffusionInpaintPipeline, StableDiffusionPipeline, UniPCMultistepScheduler)
from diffusers.utils import logging, torch_utils
from PIL import Image

DATA = Path(__file__).resolve().parent.parent / "data"
SCHEDULERS = {"ddim": (DDIMScheduler, {}), "euler_ancestral": (EulerAncestralDiscreteScheduler, {}), "heun": (HeunDiscreteScheduler, {}),
              "dpmpp_2m_karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}), "unipc": (UniPCMultistepScheduler, {}),
              "lcm": (LCMScheduler, {}), "pndm": (PNDMScheduler, {})}
SIZE = 64
BASE = {"scheduler": "ddim", "prompt": ["a photo of a cat"], "negative_prompt": None, "guidance_scale": 7.5, "steps": 6, "seeds": [0],
        "height": SIZE, "width": SIZE, "eta": 0.0, "strength": 0.6, "mask": False, "sees_mask": False, "controlnets": []}
CONTROL = [{"name": "controlnet-a", "image": "control", "scale": 0.8, "start": 0.0, "end": 0.6}]
CASES = {f"img2img-{name}": {"scheduler": name} for name in SCHEDULERS} | {
    "img2img-whole": {"strength": 1.0},
    "img2img-eta": {"eta": 0.6},
    "img2img-two-seeds": {"seeds": [0, 1], "prompt": ["a photo of a cat", "a red boat"], "scheduler": "euler_ancestral"},
    "img2img-controlnet": {"controlnets": CONTROL, "scheduler": "euler_ancestral", "strength": 0.8},
    "inpaint-ddim": {"mask": True}, "inpaint-whole": {"mask": True, "strength": 1.0},
    "inpaint-euler_ancestral": {"mask": True, "scheduler": "euler_ancestral"},
    "inpaint-whole-euler_ancestral": {"mask": True, "scheduler": "euler_ancestral", "strength": 1.0},
    "inpaint-unipc": {"mask": True, "scheduler": "unipc"}, "inpaint-pndm": {"mask": True, "scheduler": "pndm"},
    "inpaint-heun": {"mask": True, "scheduler": "heun"},
    "inpainting-unet-ddim": {"mask": True, "sees_mask": True},
    "inpainting-unet-whole-euler_ancestral": {"mask": True, "sees_mask": True, "scheduler": "euler_ancestral", "strength": 1.0},
}


def pictures():
    def smooth(seed):
        noise = torch.randn(1, 3, SIZE // 8, SIZE // 8, generator=torch.Generator().manual_seed(seed))
        wide = torch.nn.functional.interpolate(noise, size=(SIZE, SIZE), mode="bilinear")
        return ((torch.tanh(2 * wide) * 0.5 + 0.5) * 255).round().to(torch.uint8)[0].permute(1, 2, 0).contiguous()
    # What makes the first convolution of the UNet one of an inpainting UNet: weights of five more channels.
    more = torch.randn(16, 5, 3, 3, generator=torch.Generator().manual_seed(13)).mul(0.1).half()
    mask = torch.zeros(SIZE, SIZE, dtype=torch.uint8)
    mask[13:45, 21:57] = 255
    return {"init": smooth(11), "control": smooth(12), "mask": mask, "conv_in_more": more}


def see_mask(unet, more):
    narrow = unet.conv_in
    unet.conv_in = torch.nn.Conv2d(9, narrow.out_channels, 3, padding=1)
    unet.conv_in.weight.copy_(torch.cat([narrow.weight, more.float()], 1))
    unet.conv_in.bias.copy_(narrow.bias)
    unet.register_to_config(in_channels=9)


def pipeline_of(case, given, dtype):
    pipe = StableDiffusionPipeline.from_pretrained(DATA / "sd15", torch_dtype=torch.float32)
    if case["sees_mask"]:
        see_mask(pipe.unet, given["conv_in_more"])
    kind, options = SCHEDULERS[case["scheduler"]]
    parts = dict(pipe.components) | {"scheduler": kind.from_config(pipe.scheduler.config, **options)}
    cls = StableDiffusionInpaintPipeline if case["mask"] else StableDiffusionImg2ImgPipeline
    if case["controlnets"]:
        cls = StableDiffusionControlNetImg2ImgPipeline
        parts["controlnet"] = ControlNetModel.from_pretrained(DATA / "sd15" / case["controlnets"][0]["name"], torch_dtype=torch.float32)
    made = cls(**parts, requires_safety_checker=False).to(dtype)
    made.set_progress_bar_config(disable=True)
    return made


def run(case, given, dtype):
    # Draws are those of the float32 pipeline, whatever it computes in.
    draw = torch_utils.randn_tensor
    wide = lambda shape, generator=None, device=None, dtype=None, layout=None: draw(shape, generator=generator, dtype=torch.float32).to(WIDE[0])
    WIDE[0] = dtype
    for module in MODULES:
        module.randn_tensor = wide
    pipe = pipeline_of(case, given, dtype)
    generators = [torch.Generator().manual_seed(seed) for seed in case["seeds"]]
    options = {"eta": case["eta"]} if case["eta"] else {}
    picture = Image.fromarray(given["init"].numpy())
    if case["mask"]:
        options |= {"mask_image": Image.fromarray(given["mask"].numpy()), "height": SIZE, "width": SIZE}
    if case["controlnets"]:
        net = case["controlnets"][0]
        options |= {"control_image": Image.fromarray(given["control"].numpy()), "controlnet_conditioning_scale": net["scale"],
                    "control_guidance_start": net["start"], "control_guidance_end": net["end"]}
    steps, timesteps = [], []

    def after(_, __, timestep, tensors):
        steps.append(tensors["latents"].clone())
        timesteps.append(float(timestep))
        return tensors
    images = pipe(prompt=case["prompt"], image=picture, strength=case["strength"], guidance_scale=case["guidance_scale"],
                  num_inference_steps=case["steps"], generator=generators if len(generators) > 1 else generators[0], output_type="np",
                  return_dict=False, callback_on_step_end=after, callback_on_step_end_tensor_inputs=["latents"], **options)[0]
    return torch.stack(steps), torch.from_numpy((images * 255).round().astype("uint8")), timesteps


def main():
    given = pictures()
    tensors, rows = dict(given), []
    for name, changes in CASES.items():
        case = BASE | changes
        latents, image, timesteps = run(case, given, torch.float32)
        twin, twin_image, _ = run(case, given, torch.float64)
        difference = ((latents - twin).abs().max() / twin.abs().max()).item()
        levels = (image.int() - twin_image.int()).abs().max().item()
        print(f"{name:32s} calls {len(timesteps)} difference {difference:.1e} levels {levels}", flush=True)
        tensors |= {f"{name}/latents": latents.float().contiguous(), f"{name}/image_u8": image.contiguous()}
        rows.append({"case": name, **case, "timesteps": timesteps, "tolerance": {"latents": float(f"{max(10 * difference, 2e-5):.1e}")}})
    write_cases(DATA / "start", rows, tensors)


if __name__ == "__main__":
    import importlib
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.set_grad_enabled(False)
    logging.set_verbosity_error()
    WIDE = [torch.float32]
    MODULES = [importlib.import_module(f"diffusers.{name}") for name in (
        "pipelines.stable_diffusion.pipeline_stable_diffusion_img2img", "pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint",
        "pipelines.controlnet.pipeline_controlnet_img2img", "models.autoencoders.vae", "schedulers.scheduling_ddim",
        "schedulers.scheduling_euler_ancestral_discrete", "schedulers.scheduling_lcm")]
    main()
