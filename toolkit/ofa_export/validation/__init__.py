"""Bundles against the PyTorch reference: conversion error, quantisation error and ranking, never mixed up.

Notation: H histories, T history length, d width, L backbone blocks, V items, C candidates, P parameters of one block.
"""
