"""test/golden/data/prompts: embeddings of weighted prompts in A1111's arithmetic, and a run whose prompt and guidance change.

What a prompt is read as is written down by hand (text and weight of each stretch, None where a chunk ends), so that the reader is
tested and not repeated. The text encoder and the UNet are those of transformers 5.23.0 and diffusers 0.42.1 on the small
checkpoint beside it, in float32. Running it again gives the same bytes.
"""
import json
from pathlib import Path

import torch
from diffusers import EulerDiscreteScheduler, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

DATA = Path(__file__).resolve().parent.parent / "data"
MODEL, OUT = DATA / "sd15", DATA / "prompts"
TOKENIZER = CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
ENCODER = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32).eval()
START, END, ROOM = 49406, 49407, 75
WORDS = " ".join(["red boat sea night"] * 22)  # 88 tokens, no comma

# name: (prompt, clip skip, stretches)
CASES = {
    "plain": ("a photo of a cat", 1, [("a photo of a cat", 1)]),
    "weights": ("a (red:1.3) boat, [the] ((sea)), at night", 1,
                [("a ", 1), ("red", 1.3), (" boat, ", 1), ("the", 1 / 1.1), (" ", 1), ("sea", 1.1 * 1.1), (", at night", 1)]),
    "weak": ("a cat (in a tree:0.2)", 1, [("a cat ", 1), ("in a tree", 0.2)]),
    "negative": ("a cat (dog:-0.5)", 1, [("a cat ", 1), ("dog", -0.5)]),
    "escaped": ("a \\(small\\) (cat", 1, [("a (small) ", 1), ("cat", 1.1)]),
    "clip skip": ("a (red:1.3) boat", 2, [("a ", 1), ("red", 1.3), (" boat", 1)]),
    "long": (WORDS, 1, [(WORDS, 1)]),
    "long weighted": (f"({WORDS}:1.2) cat", 1, [(WORDS, 1.2), (" cat", 1)]),
    "break": ("a (red:1.3) boat BREAK the sea", 1, [("a ", 1), ("red", 1.3), (" boat", 1), None, ("the sea", 1)]),
    "empty": ("", 1, [("", 1)]),
}


def chunks(stretches):
    done, tokens, weights = [], [], []
    for stretch in [*stretches, None]:
        if stretch is None:
            done.append((tokens, weights))
            tokens, weights = [], []
            continue
        for token in TOKENIZER(stretch[0], add_special_tokens=False)["input_ids"]:
            if len(tokens) == ROOM:
                done.append((tokens, weights))
                tokens, weights = [], []
            tokens, weights = [*tokens, token], [*weights, stretch[1]]
    return done


@torch.no_grad()
def embed(stretches, clip_skip=1):
    parts = []
    for tokens, weights in chunks(stretches):
        fill = ROOM - len(tokens)
        ids = torch.tensor([[START, *tokens, *[END] * fill, END]])
        factors = torch.tensor([1.0, *weights, *[1.0] * fill, 1.0]).view(1, -1, 1)
        out = ENCODER(ids, output_hidden_states=True)
        text = getattr(ENCODER, "text_model", ENCODER)
        z = out.last_hidden_state if clip_skip == 1 else text.final_layer_norm(out.hidden_states[-clip_skip])
        mean = z.mean()
        z = z * factors
        parts.append(z * (mean / z.mean()))
    return torch.cat(parts, dim=1)


@torch.no_grad()
def run():
    """`a [cat:dog:2] [in|by] the sea`, 6 steps of Euler: guided in calls 1 to 4, rescaled."""
    unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32).eval()
    scheduler = EulerDiscreteScheduler.from_config(json.loads((MODEL / "scheduler/scheduler_config.json").read_text()))
    scheduler.set_timesteps(6)
    texts = ["a cat in the sea", "a cat in the sea", "a cat by the sea", "a dog in the sea", "a dog by the sea", "a dog in the sea"]
    # Longer than the prompt: the halves run apart.
    negative = embed(CASES["long"][2])
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(3)) * scheduler.init_noise_sigma
    states = []
    for i, t in enumerate(scheduler.timesteps):
        scaled = scheduler.scale_model_input(x, t)
        cond = unet(scaled, t, embed([(texts[i], 1)])).sample
        if 1 <= i <= 4:
            uncond = unet(scaled, t, negative).sample
            noise = rescale_noise_cfg(uncond + 7.5 * (cond - uncond), cond, 0.7)
        else:
            noise = cond
        x = scheduler.step(noise, t, x).prev_sample
        states.append(x)
    return torch.cat(states)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    tensors = {f"embeds/{name}": embed(stretches, skip) for name, (_, skip, stretches) in CASES.items()}
    save_file({name: value.contiguous() for name, value in (tensors | {"run": run()}).items()}, OUT / "numbers.safetensors")
    rows = [{"case": name, "prompt": prompt, "clip_skip": skip} for name, (prompt, skip, _) in CASES.items()]
    (OUT / "cases.json").write_text(json.dumps({"cases": rows, "negative_of_run": WORDS}, indent=1) + "\n")
