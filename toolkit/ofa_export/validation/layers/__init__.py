"""Errors of single layers of a bundle, and the attribution of its loss of NDCG@10."""
