from __future__ import annotations

import pytest

from ofa_export.backends.tensor_names import short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("ofa.backends.Named/ofa.device.BlockGraph_module/torch.nn.Linear_static;2", "static"),
        ("a.Named/a.Block_module/a.ModuleDict_linears/torch.nn.Linear_ffn_in;1", "linears/ffn_in"),
        ("a.Named/a.B_module/a.L_query;;a.Named/a.B_module/a.L_key;", "query"),
        ("arith.constant7", ""),
        ("a.Named", ""),
    ],
)
def test_a_name_keeps_the_attributes_of_its_first_operation(name: str, short: str) -> None:
    assert short_name(name) == short
