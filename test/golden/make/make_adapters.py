"""Files of every kind of adapter, written by the kinds' own code, and the weights that they make of the small checkpoint.

Needs torch, safetensors, lycoris-lora 4.1.3, diffusers 0.42.1, peft 0.21.2. Run from the project's folder:
    python test/golden/make/make_adapters.py

data/lora/kinds/<kind>.safetensors, expected.safetensors (`<kind>/<part>/<weight>`), cases.json
"""

import json
import os

import torch
from safetensors.torch import load_file, save_file

from lycoris.modules.diag_oft import DiagOFTModule
from lycoris.modules.full import FullModule
from lycoris.modules.ia3 import IA3Module
from lycoris.modules.locon import LoConModule
from lycoris.modules.loha import LohaModule
from lycoris.modules.lokr import LokrModule

DATA = "test/golden/data"
OUT = f"{DATA}/lora/kinds"
MODULES = {
    "unet": [
        "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
        "down_blocks.0.resnets.0.conv1",
        "mid_block.attentions.0.proj_in",
        "down_blocks.1.resnets.0.conv_shortcut",
    ],
    "text_encoder": ["text_model.encoder.layers.0.mlp.fc1"],
}
PREFIX = {"unet": "lora_unet_", "text_encoder": "lora_te_"}

weights = {
    "unet": load_file(f"{DATA}/sd15/unet/diffusion_pytorch_model.safetensors"),
    "text_encoder": load_file(f"{DATA}/sd15/text_encoder/model.safetensors"),
}
expected, cases = {}, []


def layer_of(part, name):
    weight = weights[part][f"{name}.weight"].float()
    if weight.dim() == 2:
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    else:
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], padding=weight.shape[2] // 2, bias=False)
    layer.weight.data = weight
    return layer


def randomise(module, generator, amount):
    for name, parameter in module.named_parameters():
        if name.startswith("org_module") or "dora_scale" in name:
            continue
        parameter.data = (torch.randn(parameter.shape, generator=generator) * amount).half().float()
    for name, parameter in module.named_parameters():
        if "dora_scale" in name:
            factor = 1 + 0.2 * torch.randn(parameter.shape, generator=generator)
            parameter.data = (parameter.data * factor).half().float()
        if name == "rescale":
            parameter.data = (1 + parameter.data).half().float()
    if isinstance(getattr(module, "scalar", None), torch.nn.Parameter):
        module.scalar.data = torch.tensor(1.0)


def merged_weight(module, weight):
    """As `forward` has it. LoHa's and LoKr's `get_merged_weight` multiply by alpha / rank twice, training does not."""
    if not isinstance(module, (LohaModule, LokrModule)):
        return module.get_merged_weight(multiplier=1, shape=weight.shape)[0]
    merged = weight + module.get_weight(weight.shape)
    return module.apply_weight_decompose(merged) if module.wd else merged


def record(kind, make, amount=0.2):
    generator = torch.Generator().manual_seed(sum(map(ord, kind)))
    tensors = {}
    for part, names in MODULES.items():
        for name in names:
            layer = layer_of(part, name)
            lora_name = PREFIX[part] + name.replace(".", "_")
            module = make(lora_name, layer)
            randomise(module, generator, amount)
            for key, value in module.state_dict().items():
                if not key.startswith("org_module"):
                    tensors[f"{lora_name}.{key}"] = value.detach().clone().contiguous().half() if value.is_floating_point() else value.clone()
            with torch.no_grad():
                merged = merged_weight(module, layer.weight).double()
            expected[f"{kind}/{part}/{name}.weight"] = merged.reshape(layer.weight.shape).float().contiguous()
    save_file(tensors, f"{OUT}/{kind}.safetensors")
    cases.append(kind)


def locon(**options):
    return lambda name, layer: LoConModule(name, layer, 1.0, 4, 2, **options)


record("locon-tucker", locon(use_tucker=True))
record("dora", locon(weight_decompose=True, wd_on_out=True))
record("dora-by-input", locon(weight_decompose=True, wd_on_out=False))
record("loha", lambda name, layer: LohaModule(name, layer, 1.0, 4, 2, use_tucker=False))
record("loha-tucker", lambda name, layer: LohaModule(name, layer, 1.0, 4, 2, use_tucker=True))
record("loha-dora", lambda name, layer: LohaModule(name, layer, 1.0, 4, 2, use_tucker=False, weight_decompose=True))
record("lokr", lambda name, layer: LokrModule(name, layer, 1.0, 1, 0.5, factor=4, use_tucker=False))
record("lokr-tucker", lambda name, layer: LokrModule(name, layer, 1.0, 1, 0.5, factor=4, use_tucker=True, decompose_both=True))
record("lokr-full", lambda name, layer: LokrModule(name, layer, 1.0, 100000, 1, factor=4))
record("lokr-dora", lambda name, layer: LokrModule(name, layer, 1.0, 1, 0.5, factor=4, weight_decompose=True, wd_on_out=False))
record("oft", lambda name, layer: DiagOFTModule(name, layer, 1.0, 4, 0))
record("oft-limited", lambda name, layer: DiagOFTModule(name, layer, 1.0, 4, 0, constraint=float(torch.tensor(0.01).half()), rescaled=True))
record("ia3", lambda name, layer: IA3Module(name, layer, 1.0))
record("ia3-on-input", lambda name, layer: IA3Module(name, layer, 1.0, train_on_input=True))


def record_full():
    generator = torch.Generator().manual_seed(9)
    tensors = {}
    for part, names in MODULES.items():
        for name in names:
            base = weights[part][f"{name}.weight"].double()
            diff = (torch.randn(base.shape, generator=generator) * 0.05).half()
            tensors[PREFIX[part] + name.replace(".", "_") + ".diff"] = diff
            expected[f"full/{part}/{name}.weight"] = (base + diff.double()).float()
    save_file(tensors, f"{OUT}/full.safetensors")
    cases.append("full")


def record_peft_dora():
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    unet = UNet2DConditionModel.from_pretrained(f"{DATA}/sd15/unet", torch_dtype=torch.float32)
    unet.add_adapter(LoraConfig(r=4, lora_alpha=2, use_dora=True, target_modules=MODULES["unet"]))
    generator = torch.Generator().manual_seed(11)
    for name, parameter in unet.named_parameters():
        if "lora_magnitude" in name:
            factor = 1 + 0.2 * torch.randn(parameter.shape, generator=generator)
            parameter.data = (parameter.data * factor).half().float()
        elif "lora_" in name:
            parameter.data = (torch.randn(parameter.shape, generator=generator) * 0.2).half().float()
    state = {key: value.half() for key, value in get_peft_model_state_dict(unet).items()}
    StableDiffusionPipeline.save_lora_weights(
        OUT, unet_lora_layers=state, weight_name="dora-peft.safetensors",
        unet_lora_adapter_metadata={"r": 4, "lora_alpha": 2, "use_dora": True},
    )
    for name in MODULES["unet"]:
        layer = unet.get_submodule(name)
        layer.merge()
        expected[f"dora-peft/unet/{name}.weight"] = layer.base_layer.weight.data.float().contiguous()
    cases.append("dora-peft")



record_full()
record_peft_dora()
save_file(expected, f"{OUT}/expected.safetensors")
with open(f"{OUT}/cases.json", "w") as file:
    json.dump({"oracle": "lycoris-lora 4.1.3, peft 0.21.2, torch " + torch.__version__.split("+")[0], "tolerance": 1e-5, "kinds": cases}, file, indent=1)
    file.write("\n")
