"""The layout of tensors in onnx2tf, kept as it is in ONNX: its guesses are switched off.

onnx2tf is made for pictures. It moves channels to the end, and finds out from shapes alone which tensors it has moved:
wherever two dimensions are equal by chance (L blocks x 2 logits, T items x T items) it guesses, and guesses wrong; no
option of it turns this off behind the inputs. Our graphs hold no picture and no convolution, ONNX and TensorFlow
broadcast alike, so there is nothing to move. Runs in a process of its own, which imports neither torch nor this
package's other modules.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

MOVED = "before_op_output_shape_trans"
"""Name of the note of onnx2tf on a tensor whose dimensions it takes for moved."""


def keep_layouts(helpers: Any) -> None:
    """Replace the guesses.

    Args:
        helpers: the module `onnx2tf.utils.common_functions`, before any module of `onnx2tf.ops` was imported: they copy
            the functions' names.
    """
    helpers.inverted_operation_enable_disable = _nothing_moved
    helpers.pre_explicit_broadcast = _operands
    helpers.explicit_broadcast = _constants_or_variables
    helpers.shape_unmatched_special_avoidance_workaround = _operands
    helpers.deterring_shape_corruption_due_to_broadcast = _operands
    helpers.correction_process_for_accuracy_errors = _operands
    helpers.disable_unnecessary_transpose = _nodes_and_operands


def _nothing_moved(make_node: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(make_node)
    def make(*, graph_node: Any, tf_layers_dict: dict[str, dict[str, Any]], **options: Any) -> Any:
        result = make_node(graph_node=graph_node, tf_layers_dict=tf_layers_dict, **options)
        for output in graph_node.outputs:
            tf_layers_dict[output.name][MOVED] = False
        return result

    return make


def _operands(*, input_tensor_1: Any, input_tensor_2: Any, **_: Any) -> tuple[Any, Any]:
    return input_tensor_1, input_tensor_2


def _constants_or_variables(*, const_or_var_1: Any, const_or_var_2: Any, **_: Any) -> tuple[Any, Any]:
    return const_or_var_1, const_or_var_2


def _nodes_and_operands(
    *, graph_node_input_1: Any, graph_node_input_2: Any, input_tensor_1: Any, input_tensor_2: Any, **_: Any
) -> tuple[Any, Any, Any, Any]:
    return graph_node_input_1, graph_node_input_2, input_tensor_1, input_tensor_2
