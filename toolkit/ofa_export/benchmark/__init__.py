"""Cost of a bundle on this computer beside what people would ship without one, in one run."""
