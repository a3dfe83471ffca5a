"""test/golden/data/schedulers/more.json: samplers and schedules beyond cases.json, under the model of run-sampler.ts.

Needs diffusers 0.42.1, torch 2.15.0, scipy 1.17, safetensors, and k-diffusion 0.1.1 for the rows it is the oracle of. Noise is
that of trajectories.safetensors in the order of the draws, also where Diffusers or k-diffusion would cut it out of a Brownian path.
k-diffusion computes in float64 here, Diffusers in float32.
"""
import importlib
import json
import math
import sys
import types
from pathlib import Path

import diffusers  # looks for packages by name: before the stand-ins below
import numpy as np
import torch
from safetensors.torch import load_file

for name in ("torchsde", "torchdiffeq"):  # imported by name alone: their functions are not reached
    sys.modules.setdefault(name, types.SimpleNamespace(odeint=None, BrownianInterval=None, BrownianTree=None))
package = types.ModuleType("k_diffusion")
package.__path__ = [str(next(Path(folder) / "k_diffusion" for folder in sys.path if (Path(folder) / "k_diffusion").is_dir()))]
sys.modules["k_diffusion"] = package
sys.modules["k_diffusion.utils"] = types.SimpleNamespace(append_dims=lambda x, dims: x[(...,) + (None,) * (dims - x.ndim)])
package.utils = sys.modules["k_diffusion.utils"]
sampling = importlib.import_module("k_diffusion.sampling")

DATA = Path(__file__).resolve().parent.parent / "data" / "schedulers"
SHARED = load_file(DATA / "trajectories.safetensors")
BASE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "steps_offset": 1}
X0, NOISE = SHARED["x0"].reshape(1, 4, 4, 4), SHARED["noise"].reshape(-1, 1, 4, 4, 4)
FLAGS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}


def model(x, t):
    c = torch.arange(4, dtype=x.dtype).view(1, 4, 1, 1)
    return 0.6 * x + 0.2 * torch.sin(2 * x) + 0.1 * torch.sin(torch.as_tensor(t, dtype=x.dtype) / 100) + 0.05 * c


def diffusers_row(label, module, cls, config, schedule, steps, eta=None):
    mod = importlib.import_module(f"diffusers.schedulers.scheduling_{module}")
    flags = {FLAGS[schedule]: True} if schedule else {}
    s = getattr(mod, cls)(**BASE | config | flags)
    s.set_timesteps(steps)
    s.set_begin_index(0)
    used = []

    def draw(*_, **__):
        used.append(NOISE[len(used)])
        return used[-1]
    if hasattr(mod, "randn_tensor"):
        mod.randn_tensor = draw
    if hasattr(s, "noise_sampler"):
        s.noise_sampler = draw
    x = X0 * s.init_noise_sigma
    for t in s.timesteps:
        e = model(s.scale_model_input(x, t), t)
        x = s.step(e, t, x, return_dict=False, **({} if eta is None else {"eta": eta}))[0]
    plain = {name: value for name, value in config.items() if name not in ("algorithm_type", "solver_type")}
    return row(f"{cls} {label}", label, plain, schedule, steps, eta, s.timesteps, x, len(used))


def table():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    alphas = torch.cumprod(1 - betas, 0)
    return ((1 - alphas) / alphas).sqrt().double().numpy()


TABLE = table()
LOGS = np.log(TABLE)


def at(timesteps):
    return np.exp(np.interp(timesteps, np.arange(1000), LOGS))


def schedules(n):
    tensors = {
        "karras": sampling.get_sigmas_karras(n, TABLE[0], TABLE[-1])[:-1],
        "exponential": sampling.get_sigmas_exponential(n, TABLE[0], TABLE[-1])[:-1],
        "polyexponential": sampling.get_sigmas_polyexponential(n, TABLE[0], TABLE[-1])[:-1],
    }
    aligned = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
    angles = np.linspace(math.atan(TABLE[-1]), math.atan(TABLE[0]), n)
    return {name: value.double().numpy() for name, value in tensors.items()} | {
        "uniform": at(np.linspace(999, 0, n)),
        "normal": at(np.linspace(999, 0, n)),
        "sgm_uniform": at(np.linspace(999, 0, n + 1)[:-1]),
        "simple": np.array([TABLE[-(1 + int(i * 1000 / n))] for i in range(n)]),
        "ddim": TABLE[(np.arange(n) * (1000 // n) + 1)[::-1]],
        "kl_optimal": np.tan(angles),
        "align_your_steps": np.exp(np.interp(np.linspace(0, 10, n), np.arange(11), np.log(aligned))),
    }


def sample_ipndm(model, x, sigmas, disable=None):
    """The multistep loop of diff-sampler's `ipndm_sampler` (order 4), straight to the clean latents at the end."""
    weights = ([1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24])
    slopes = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * x.new_ones(1))
        slopes = [(x - denoised) / sigmas[i], *slopes][:4]
        known = weights[len(slopes) - 1]
        x = denoised if sigmas[i + 1] == 0 else x + (sigmas[i + 1] - sigmas[i]) * sum(w * d for w, d in zip(known, slopes))
    return x


sampling.sample_ipndm = sample_ipndm


def config_of(prediction):
    return {} if prediction == "epsilon" else {"prediction_type": prediction}


def denoiser(prediction, timesteps):
    def denoise(x, sigma):
        sigma = float(sigma[0])
        t = float(np.interp(math.log(sigma), LOGS, np.arange(1000)))
        timesteps.append(t)
        out = model(x / math.sqrt(sigma**2 + 1), t)
        return x - sigma * out if prediction == "epsilon" else x / (sigma**2 + 1) - out * sigma / math.sqrt(sigma**2 + 1)
    return denoise


def fast_row(prediction, steps):
    timesteps = []
    x = sampling.sample_dpm_fast(denoiser(prediction, timesteps), X0.double() * TABLE[-1], TABLE[0], TABLE[-1], steps, disable=True)
    return row(f"sample_dpm_fast {prediction}", "DPM fast", config_of(prediction), None, steps, None, timesteps, x, 0)


def k_row(label, function, prediction, schedule, steps, noisy=True, **options):
    levels = schedules(steps)[schedule]
    sigmas = torch.tensor([*levels, 0.0], dtype=torch.float64)
    used, timesteps = [], []

    def draw(*_):
        used.append(NOISE[len(used)].double())
        return used[-1]

    more = {"noise_sampler": draw} if noisy else {}
    x = getattr(sampling, function)(denoiser(prediction, timesteps), X0.double() * sigmas[0], sigmas, disable=True, **more, **options)
    config = config_of(prediction)
    draws = None if label == "Euler a" else len(used)  # Diffusers draws for the last step too, where the weight is 0
    return row(f"{function} {schedule} {prediction}", label, config, schedule, steps, options.get("eta"), timesteps, x, draws)


def row(case, label, config, schedule, steps, eta, timesteps, x, draws):
    extra = {name: value for name, value in (("schedule", schedule), ("eta", eta), ("draws", draws)) if value is not None}
    return {"case": f"{case}, {steps}", "label": label, "config": config, **extra, "steps": steps,
            "timesteps": [float(f"{float(t):.7g}") for t in timesteps], "last": [float(f"{v:.7g}") for v in x.flatten().tolist()]}


def rows():
    sde = {"algorithm_type": "sde-dpmsolver++"}
    classes = [
        ("DPM2", "k_dpm_2_discrete", "KDPM2DiscreteScheduler", {}),
        ("DPM2 a", "k_dpm_2_ancestral_discrete", "KDPM2AncestralDiscreteScheduler", {}),
        ("DPM++ SDE", "dpmsolver_sde", "DPMSolverSDEScheduler", {}),
        ("DEIS", "deis_multistep", "DEISMultistepScheduler", {}),
        ("DPM++ 2M SDE Heun", "dpmsolver_multistep", "DPMSolverMultistepScheduler", sde | {"solver_type": "heun"}),
        ("DPM++ 2M SDE", "dpmsolver_multistep", "DPMSolverMultistepScheduler", sde),
        ("DPM++ 2M", "dpmsolver_multistep", "DPMSolverMultistepScheduler", {}),
        ("UniPC", "unipc_multistep", "UniPCMultistepScheduler", {}),
        ("Euler", "euler_discrete", "EulerDiscreteScheduler", {}),
        ("Heun", "heun_discrete", "HeunDiscreteScheduler", {}),
        ("LMS", "lms_discrete", "LMSDiscreteScheduler", {}),
    ]
    for label, module, cls, config in classes:
        for schedule in (None, "karras", "exponential", "beta"):
            yield diffusers_row(label, module, cls, config, schedule, 8)
        if label in ("DPM2", "DPM2 a", "DPM++ SDE", "DEIS", "DPM++ 2M SDE Heun"):
            yield diffusers_row(label, module, cls, config, None, 1)
            yield diffusers_row(label, module, cls, config, "karras", 20)
            for spacing in ("leading", "trailing"):
                yield diffusers_row(label, module, cls, config | {"timestep_spacing": spacing}, None, 8)
            yield diffusers_row(label, module, cls, config | {"prediction_type": "v_prediction"}, None, 8)
    tcd = {"clip_sample": False}
    for steps in (1, 4, 8):
        yield diffusers_row("TCD", "tcd", "TCDScheduler", tcd, None, steps)
    for eta in (0.0, 0.7, 1.0):
        yield diffusers_row("TCD", "tcd", "TCDScheduler", tcd, None, 4, eta)
    yield diffusers_row("TCD", "tcd", "TCDScheduler", tcd | {"prediction_type": "v_prediction"}, None, 4)

    for label, function in (("DPM++ 2S a", "sample_dpmpp_2s_ancestral"), ("DPM++ 3M SDE", "sample_dpmpp_3m_sde")):
        for schedule in schedules(8):
            yield k_row(label, function, "epsilon", schedule, 8)
        yield k_row(label, function, "v_prediction", "karras", 8)
        yield k_row(label, function, "epsilon", "exponential", 2)
        yield k_row(label, function, "epsilon", "karras", 20)
    yield k_row("DPM++ 2S a", "sample_dpmpp_2s_ancestral", "epsilon", "karras", 8, eta=0.4)
    for schedule in ("uniform", "sgm_uniform", "simple", "align_your_steps", "kl_optimal", "ddim"):
        yield k_row("Euler", "sample_euler", "epsilon", schedule, 8, noisy=False)
        yield k_row("Euler a", "sample_euler_ancestral", "epsilon", schedule, 8)
        yield k_row("Heun", "sample_heun", "epsilon", schedule, 8, noisy=False)
        yield k_row("LMS", "sample_lms", "epsilon", schedule, 8, noisy=False)
    yield k_row("Euler a", "sample_euler_ancestral", "epsilon", "karras", 8, eta=0.5)
    for schedule in ("uniform", "karras", "exponential", "simple"):
        yield k_row("IPNDM", "sample_ipndm", "epsilon", schedule, 8, noisy=False)
    for prediction, steps in (("epsilon", 2), ("epsilon", 20), ("v_prediction", 8)):
        yield k_row("IPNDM", "sample_ipndm", prediction, "karras", steps, noisy=False)
    for steps in (1, 2, 3, 6, 7, 8, 20):
        yield fast_row("epsilon", steps)
    yield fast_row("v_prediction", 8)


if __name__ == "__main__":
    lines = [json.dumps(one) for one in rows()]
    head = json.dumps({"oracle": f"diffusers {diffusers.__version__}; k-diffusion 0.1.1 (sample_…)", "base": BASE})[:-1]
    (DATA / "more.json").write_text(head + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(len(lines), "rows")
