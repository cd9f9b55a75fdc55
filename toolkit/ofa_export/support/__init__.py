"""Cache, output files, processes, tools and recipes."""
