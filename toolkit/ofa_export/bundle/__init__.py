"""The `.ofab` bundle: codes and tiles, archive, manifest, reader and writer (numpy, no torch).

Notation: V items, d width, G item groups, N = d / 8 blocks of a row, p bit plane (0 = most significant), T history
length, L backbone blocks, C candidates per call, P parameters of one block. All numbers in files are little-endian.
"""
