"""The checks of a bundle: functions from a comparison to its findings, listed in order in `validation/validate.py`."""
