"""The costs of a bundle on this computer, beside those of a static net and of gradient steps, in one run."""
