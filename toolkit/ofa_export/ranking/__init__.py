"""Ranking metrics, scores of histories and ranks over a whole table."""
