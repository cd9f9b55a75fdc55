from __future__ import annotations

import pytest

from ofa_export.converters.litert.tensor_names import operation_name, short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("ofa.converters.Named/ofa.device.BlockGraph_module/torch.nn.Linear_static;2", "static"),
        ("a.Named/a.Block_module/a.ModuleDict_linears/torch.nn.Linear_ffn_in;1", "linears/ffn_in"),
        ("a.Named/a.B_module/a.L_query;;a.Named/a.B_module/a.L_key;", "query"),
        ("arith.constant7", ""),
        ("a.Named", ""),
    ],
)
def test_a_name_keeps_the_attributes_of_its_first_operation(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("model_57/tf.linalg.matmul_53/MatMul;model_57/tf.math.add_27/Add", "MatMul"),
        ("arith.constant13", "arith.constant"),
        ("Const_103", "Const"),
        ("7", ""),
    ],
)
def test_a_name_of_tensorflow_keeps_the_operation_and_no_number(name: str, short: str) -> None:
    assert operation_name(name) == short
