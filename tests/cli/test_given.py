"""What is looked at before PyTorch is loaded: it refuses nothing that a recipe, read later, makes right."""

from __future__ import annotations

from pathlib import Path

import pytest

from ofa_export.cli.given import check_interactions
from ofa_export.errors import InteractionsError


def test_columns_that_the_recipe_of_a_checkpoint_names_are_not_missed(tmp_path: Path) -> None:
    shop = tmp_path / "shop.csv"
    shop.write_text("household,ean,bought_at\n1,2,3\n2,3,4\n")
    check_interactions(str(shop), columns={}, wanted=())
    check_interactions(str(shop), columns={"item_id": "ean"}, wanted=["item_id"])
    with pytest.raises(InteractionsError, match="no column 'sku'"):
        check_interactions(str(shop), columns={"item_id": "sku"}, wanted=["item_id"])
    with pytest.raises(InteractionsError, match="no column user_id"):
        check_interactions(str(shop), columns={"item_id": "ean"})
