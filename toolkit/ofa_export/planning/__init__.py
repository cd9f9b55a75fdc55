"""From a checkpoint and a budget to a plan: recipes, byte sizes, what a bundle will hold and what it will cost."""
