"""More time for the decoder alone, while the UNet trains: the encoder is frozen, so latents stay valid."""

from autoencoder import autoencoder_losses, peak_signal_to_noise
from networks import new_autoencoder
from optimiser import Optimiser
from state import budget, load, log
from training import Training

STEPS = 800


def polish_decoder() -> None:
    """Stage `decoder`."""
    vae = new_autoencoder()
    vae.load_state_dict(load("vae"))
    for network in (vae.encoder, vae.quant_conv):
        network.requires_grad_(False)
    steps = budget("decoder", STEPS)
    training = Training("decoder", {"vae": vae}, Optimiser([(vae, 3e-3)], []), steps, decay=0.995)
    training.run(lambda step: autoencoder_losses(vae, step, steps, seed=1))
    training.use_average()
    log(f"decoder: {peak_signal_to_noise(vae):.2f} dB on held-out renders")
