"""Files of textual inversion for the small checkpoint, and what diffusers reads with them.

Needs torch, safetensors, diffusers 0.42.1, transformers 5.23.0. Run from the project's folder:
    python test/golden/make/make_embeddings.py

data/embeddings/NAME.safetensors, expected.safetensors (`<index of the prompt>`: prompt_embeds), cases.json
"""

import json

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

DATA = "test/golden/data"
PROMPTS = [
    "a photo of moss-cat on a table, best",
    "blurp",
    "a blurp and a moss-cat, moss-cat blurp, (blurp",
    "a photo of a cat on a table, best",
]
generator = torch.Generator().manual_seed(3)
words = {"moss-cat": torch.randn(3, 32, generator=generator).half(), "blurp": torch.randn(1, 32, generator=generator).half()}

encoder = CLIPTextModel.from_pretrained(f"{DATA}/sd15/text_encoder", torch_dtype=torch.float32)
tokenizer = CLIPTokenizer.from_pretrained(f"{DATA}/sd15/tokenizer")
pipe = StableDiffusionPipeline(
    vae=None, text_encoder=encoder, tokenizer=tokenizer, unet=None, scheduler=DDIMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False
)
for name, vectors in words.items():
    pipe.load_textual_inversion(vectors.float(), token=name)
save_file({"emb_params": words["moss-cat"]}, f"{DATA}/embeddings/moss-cat.safetensors", metadata={"name": "moss-cat"})
save_file({"<blurp>": words["blurp"]}, f"{DATA}/embeddings/blurp.safetensors")
expected = {}
for index, prompt in enumerate(PROMPTS):
    with torch.no_grad():
        expected[str(index)] = pipe.encode_prompt(prompt, "cpu", 1, False)[0].contiguous()
save_file(expected, f"{DATA}/embeddings/expected.safetensors")
with open(f"{DATA}/embeddings/cases.json", "w") as file:
    json.dump({"oracle": "diffusers 0.42.1, transformers 5.23.0", "tolerance": 1e-5, "prompts": PROMPTS}, file, indent=1)
    file.write("\n")
