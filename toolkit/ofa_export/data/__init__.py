"""Interactions files, histories cut from them, and the data sets that ship with the package.

Notation: B batch, T history length, U users, V items. Item rows 0 … V-1 are sorted by popularity.
"""
