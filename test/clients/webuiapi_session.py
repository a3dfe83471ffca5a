"""A session of A1111's Python client with a mesh, by its own calls alone. Prints what came of it as JSON."""

import json
import sys

import webuiapi
from PIL import Image

host, port, drawing = sys.argv[1], int(sys.argv[2]), sys.argv[3]
api = webuiapi.WebUIApi(host=host, port=port, sampler="DPM++ 2M", steps=6)
told = {}

api.util_wait_for_ready(check_interval=0.2)
told["models"] = api.util_get_model_names()
told["samplers"] = api.util_get_sampler_names()
told["schedulers"] = api.util_get_scheduler_names()
told["loras"] = [lora["name"] for lora in api.get_loras()]
api.util_set_model(told["models"][0])
told["current"] = api.util_get_current_model()
told["controlnets"] = api.controlnet_model_list()
told["modules"] = api.controlnet_module_list()

first = api.txt2img(prompt="a (red:1.2) boat on the sea at night", seed=7, width=128, height=128, cfg_scale=5)
told["size"] = first.image.size
told["info"] = {name: first.info[name] for name in ("seed", "steps", "sampler_name")}
told["text"] = first.image.info["parameters"]
told["png_info"] = api.png_info(first.image).info
again = api.txt2img(prompt="a (red:1.2) boat on the sea at night", seed=7, width=128, height=128, cfg_scale=5)
told["is_same"] = again.image.tobytes() == first.image.tobytes()

styled = api.txt2img(prompt="a red boat on the sea at night <lora:neon:0.8>", seed=7, width=128, height=128)
told["is_styled"] = styled.image.tobytes() != first.image.tobytes()

unit = webuiapi.ControlNetUnit(image=Image.open(drawing), module="none", model=told["controlnets"][0], weight=0.9)
drawn = api.txt2img(prompt="a purple mushroom in a meadow by day", width=128, height=128, controlnet_units=[unit])
told["controlled"] = "ControlNet 0" in drawn.image.info["parameters"]

changed = api.img2img(images=[first.image], prompt="a blue boat on the sea", width=128, height=128, denoising_strength=0.6)
mask = Image.new("L", (128, 128), 0)
mask.paste(255, (32, 32, 96, 96))
painted = api.img2img(images=[first.image], mask_image=mask, prompt="a star on the sea", width=128, height=128)
told["edited"] = [changed.image.size, painted.image.size]
told["edges"] = len(api.controlnet_detect(images=[first.image], module="canny", threshold_a=50, threshold_b=100).images)

try:
    api.txt2img(prompt="a cat", script_name="X/Y/Z plot")
except RuntimeError as error:
    told["refused"] = [error.args[0], json.loads(error.args[1])["error"]]
api.interrupt()
print(json.dumps(told))
