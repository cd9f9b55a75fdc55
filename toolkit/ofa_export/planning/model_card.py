"""MODEL_CARD.md of a bundle: what it is, trained on what, under which licence, with which numbers."""

from __future__ import annotations

from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.quality import QualityCurve


def model_card(checkpoint: Checkpoint, *, group: int, runtime: str, precision: str, curve: QualityCurve) -> str:
    """Write the card as Markdown; it does not depend on the budget.

    Args:
        checkpoint: sizes, data and training measurements.
        group: user group of the bundle.
        runtime: name of the converter.
        precision: of the graphs.
        curve: quality at several prefixes.
    """
    config, data = checkpoint.config.model, checkpoint.config.data
    rows = "".join(f"| {tiles} | {value:.4f} |\n" for tiles, value in curve.by_tiles)
    seen = "left out of" if data.exclude_history else "part of"
    return f"""# Model card

A sequential recommender that adapts to its user in one forward pass (Forward-OFA, arXiv 2501.02837), with an elastic
item table (after PEEL, arXiv 2306.10532). Made by ofa-export for {runtime}, {precision} graphs, user group {group} of \
{config.user_groups}.

- {config.items:,} items x {config.width} dimensions, histories of {config.history_length} items, \
{config.depth} backbone blocks, rank {config.rank}.
- Checkpoint {checkpoint.sha256[:16]}, recipe: {_recipe(checkpoint)}

## Quality
NDCG@10 of the rounded reference on {curve.users} validation histories, leave-one-out, all items ranked, the visible
history {seen} the ranking. Validation histories chose the epochs, so test users will score somewhat lower.

| tiles kept | NDCG@10 |
| --- | --- |
{rows}| full table | {curve.full_table:.4f} |
{_baselines(checkpoint)}
## Data and licence
{data.name}, licence {data.licence or "not stated"}.

{data.attribution}
"""


def _recipe(checkpoint: Checkpoint) -> str:
    recipe = checkpoint.config.training.get("recipe")
    return str(recipe["description"]) if isinstance(recipe, dict) and "description" in recipe else "not recorded"


def _baselines(checkpoint: Checkpoint) -> str:
    measured = checkpoint.config.training.get("probe_ndcg_at_10")
    if not isinstance(measured, dict):
        return ""
    rows = "".join(f"| {name} | {float(value):.4f} |\n" for name, value in measured.items())
    intro = (
        "\nThe models of the training run, each with its full table, on the validation histories of all user groups:\n"
    )
    return f"{intro}\n| model | NDCG@10 |\n| --- | --- |\n{rows}"
