"""Reports of a validation, for terminals, programs and browsers."""
