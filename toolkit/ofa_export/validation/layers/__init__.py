"""Errors of single layers of a bundle, and where its NDCG@10 goes."""
