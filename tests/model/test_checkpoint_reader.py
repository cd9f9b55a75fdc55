from __future__ import annotations

import io
import json
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hostile import ENDLESS, HOSTILE, NAME, assert_harmless, leaves, with_key, with_value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors

from ofa_export.errors import CheckpointError, OutputError
from ofa_export.model.checkpoint_folder import CONFIG, ITEMS, VALIDATION, WEIGHTS
from ofa_export.model.checkpoint_reader import load_checkpoint

Arrays = dict[str, NDArray[Any]]
BIAS = "blocks.0.linears.query.static.bias"


def rejection(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder)
    return str(caught.value)


def change_config(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((folder / CONFIG).read_text())
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


def change_arrays(folder: Path, name: str, change: Callable[[Arrays], None]) -> None:
    arrays = {key: value.copy() for key, value in load_arrays((folder / name).read_bytes()).items()}
    change(arrays)
    (folder / name).write_bytes(save_arrays(arrays))


def write_items(folder: Path, columns: dict[str, list[Any]]) -> None:
    pl.DataFrame(columns).write_parquet(folder / ITEMS)


class TestFolder:
    def test_missing(self, tmp_path: Path) -> None:
        assert "There is no checkpoint folder" in rejection(tmp_path / "none")

    @pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".pt", "nu\0l"])
    def test_a_name_that_no_folder_can_have(self, name: str) -> None:
        assert "There is no checkpoint folder" in rejection(Path(name))

    def test_a_file(self, folder: Path) -> None:
        assert "is a file. A checkpoint is a folder" in rejection(folder / WEIGHTS)

    @pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin"])
    def test_a_pickle(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"model{suffix}"
        torch.save({"weight": torch.ones(2)}, path)
        assert "is a pickle, which can run code when it is read; it was not opened" in rejection(path)

    @pytest.mark.parametrize("name", [CONFIG, WEIGHTS, ITEMS, VALIDATION])
    def test_without_a_file(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        assert f"has no readable {name} (No such file or directory)" in rejection(folder)
        (folder / name).mkdir()
        assert f"has no readable {name} (it is a folder, and a file is needed)" in rejection(folder)

    @pytest.mark.integration
    def test_files_that_shrink_while_it_is_open_change_nothing(self, folder: Path) -> None:
        program = (
            "import sys; from pathlib import Path; from ofa_export.model.checkpoint_reader import load_checkpoint;"
            "loaded = load_checkpoint(Path(sys.argv[1])); before = loaded.model.tables.sum().item();"
            "[path.write_bytes(b'') for path in Path(sys.argv[1]).iterdir()];"
            "assert loaded.model.tables.sum().item() == before and loaded.validation.targets.min() >= 0"
        )
        assert subprocess.run([sys.executable, "-c", program, str(folder)], check=False, timeout=60).returncode == 0

    def test_no_room_for_the_copy(self, folder: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OutputError, match=r"no room for a copy of .*model\.safetensors.*TMPDIR"):
                load_checkpoint(folder)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_an_older_folder_is_told_what_to_rename(self, folder: Path) -> None:
        digest = load_checkpoint(folder).sha256
        (folder / VALIDATION).rename(folder / "probes.safetensors")
        assert f"older ofa-export: rename its probes.safetensors to {VALIDATION}" in rejection(folder)
        (folder / "probes.safetensors").rename(folder / VALIDATION)
        assert load_checkpoint(folder).sha256 == digest

    @pytest.mark.parametrize("name", [CONFIG, WEIGHTS, ITEMS, VALIDATION])
    def test_an_empty_file(self, folder: Path, name: str) -> None:
        (folder / name).write_bytes(b"")
        assert name in rejection(folder)


class TestConfig:
    @pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000, b"9" * 10_000 + b"x"])
    def test_not_json(self, folder: Path, content: bytes) -> None:
        (folder / CONFIG).write_bytes(content)
        assert "config.json is not JSON" in rejection(folder)

    @pytest.mark.parametrize("content", ["[]", "{}", "null", '"ofa-export checkpoint"', '{"format": "other"}'])
    def test_a_foreign_format(self, folder: Path, content: str) -> None:
        (folder / CONFIG).write_text(content)
        assert "this folder is not a checkpoint of ofa-export" in rejection(folder)

    @pytest.mark.parametrize("version", ["2.0", "0.9", "", None, 17])
    def test_another_version(self, folder: Path, version: object) -> None:
        change_config(folder, lambda config: config.update(schema_version=version))
        assert f"has schema version {version}, this ofa-export reads 1.0" in rejection(folder)

    def test_a_newer_minor_version_is_read(self, folder: Path) -> None:
        change_config(folder, lambda config: config.update(schema_version="1.9"))
        assert load_checkpoint(folder).config.schema_version == "1.9"

    def test_every_mistake_is_named(self, folder: Path) -> None:
        def break_it(config: dict[str, Any]) -> None:
            config["model"]["depth"] = "3"
            config["surprise"] = 1
            config["order"] = "random"
            del config["data"]["licence"]

        change_config(folder, break_it)
        message = rejection(folder)
        assert message.startswith("config.json is not valid: ")
        for place in ("model.depth", "surprise", "order", "data.licence"):
            assert f"{place}: " in message

    @pytest.mark.parametrize("part", ["model", "data"])
    def test_unknown_keys(self, folder: Path, part: str) -> None:
        change_config(folder, lambda config: config[part].update(surprise=1))
        assert f"{part}.surprise: Extra inputs are not permitted" in rejection(folder)

    @pytest.mark.parametrize(("field", "value"), [("heads", 3), ("item_groups", 31), ("width", 20), ("items", 0)])
    def test_sizes_that_give_no_model(self, folder: Path, field: str, value: int) -> None:
        change_config(folder, lambda config: config["model"].update({field: value}))
        assert field in rejection(folder)

    @pytest.mark.parametrize(
        "huge", [{"items": 2**24}, {"user_groups": 4096}, {"width": 1024, "depth": 32, "rank": 256}]
    )
    def test_huge_sizes_take_no_memory(self, folder: Path, huge: dict[str, int]) -> None:
        change_config(folder, lambda config: config["model"].update(huge))
        message = rejection(folder)
        assert "model.safetensors does not fit config.json: it holds 31,814 values, and tables and" in message


class TestTensors:
    @pytest.mark.parametrize("name", [WEIGHTS, VALIDATION])
    @pytest.mark.parametrize("kept", [1, 7, 8, 9, 100, -1, -4, -1000])
    def test_truncated(self, folder: Path, name: str, kept: int) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: kept if kept > 0 else max(8, len(data) + kept)])
        assert f"{name} is truncated or not safetensors" in rejection(folder)

    @pytest.mark.parametrize("name", [WEIGHTS, VALIDATION])
    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    def test_a_pickle_under_another_name(self, folder: Path, name: str, protocol: int) -> None:
        (folder / name).write_bytes(pickle.dumps({"weight": 1}, protocol=protocol))
        assert f"{name} is a pickle under another name" in rejection(folder)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_a_file_of_torch_save(self, folder: Path, zipped: bool) -> None:
        torch.save({"weight": torch.ones(2)}, folder / WEIGHTS, _use_new_zipfile_serialization=zipped)
        assert "is a pickle under another name" in rejection(folder)

    @pytest.mark.parametrize("header", [0x4B50, 0x0280, 0x0380, 0x0480, 0x0580])
    def test_a_header_whose_length_looks_like_a_pickle_is_none(self, folder: Path, header: int) -> None:
        data = (folder / VALIDATION).read_bytes()
        length = int.from_bytes(data[:8], "little")
        padded = data[8 : 8 + length].ljust(header)
        (folder / VALIDATION).write_bytes(header.to_bytes(8, "little") + padded + data[8 + length :])
        assert len(load_checkpoint(folder).validation.targets) == 6

    def test_missing_and_unexpected(self, folder: Path) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: arrays.update(surprise=arrays.pop("position")))
        message = rejection(folder)
        assert "model.safetensors does not fit config.json" in message
        assert "tensor 'position' is missing" in message
        assert "tensor 'surprise' is not known" in message

    def test_misshapen(self, folder: Path) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: arrays.update({BIAS: arrays[BIAS][:8]}))
        assert f"tensor '{BIAS}' is float32[8], expected float32[16]" in rejection(folder)

    @pytest.mark.parametrize("dtype", ["float64", "float16", "int32", "bool"])
    def test_mistyped(self, folder: Path, dtype: str) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: arrays.update({BIAS: arrays[BIAS].astype(dtype)}))
        assert f"tensor '{BIAS}' is {dtype}[16], expected float32[16]" in rejection(folder)

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
    def test_of_a_type_that_numpy_lacks(self, folder: Path, dtype: torch.dtype) -> None:
        (folder / WEIGHTS).write_bytes(save_tensors({BIAS: torch.ones(16, dtype=dtype)}))
        assert "model.safetensors" in rejection(folder)

    @pytest.mark.parametrize("name", ["tables", BIAS, "importance", "centroids"])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite(self, folder: Path, name: str, value: float) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: np.put(arrays[name], [0, 1], value))
        assert f"tensor '{name}' has 2 values that are NaN or infinite" in rejection(folder)

    def test_many_problems_are_counted(self, folder: Path) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: [arrays.pop(name) for name in sorted(arrays)[:20]])
        assert "and 12 more" in rejection(folder)


class TestTileOrder:
    def test_not_a_permutation(self, folder: Path) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: np.put(arrays["tile_order"], 0, 1))
        assert "tensor 'tile_order' is not an order. The tile order must name each" in rejection(folder)

    def test_of_the_second_group_too(self, folder: Path) -> None:
        def swap_planes(arrays: Arrays) -> None:
            arrays["tile_order"][1] = arrays["tile_order"][1, ::-1]

        change_arrays(folder, WEIGHTS, swap_planes)
        assert "a plane is of no use without those above it" in rejection(folder)


class TestItems:
    @pytest.mark.parametrize("kept", [1, 4, 50, -1, -8, -100])
    def test_truncated(self, folder: Path, kept: int) -> None:
        (folder / ITEMS).write_bytes((folder / ITEMS).read_bytes()[:kept])
        assert "items.parquet is truncated or not Parquet" in rejection(folder)

    def test_other_rows_or_columns(self, folder: Path) -> None:
        keys = [f"K{row}" for row in range(30)]
        write_items(folder, {"item_id": keys[:29], "title": keys[:29]})
        assert "must have the text columns item_id and title and 30 rows" in rejection(folder)
        write_items(folder, {"item_id": keys, "name": keys})
        assert "it has ['item_id', 'name'] and 30 rows" in rejection(folder)
        write_items(folder, {"item_id": list(range(30)), "title": keys})
        assert "must have the text columns item_id and title" in rejection(folder)

    def test_duplicate_or_empty_keys(self, folder: Path) -> None:
        keys: list[Any] = [f"K{row}" for row in range(30)]
        write_items(folder, {"item_id": [*keys[:29], "K0"], "title": keys})
        assert "every row needs its own item_id" in rejection(folder)
        write_items(folder, {"item_id": [*keys[:29], None], "title": keys})
        assert "every row needs its own item_id" in rejection(folder)
        write_items(folder, {"item_id": keys, "title": [*keys[:29], None]})
        assert "every row needs its own item_id and a title" in rejection(folder)


class TestValidationHistories:
    @pytest.mark.parametrize(
        ("name", "value", "bounds"),
        [
            ("histories", 30, "-1..29"),
            ("histories", -2, "-1..29"),
            ("targets", 30, "0..29"),
            ("targets", -1, "0..29"),
            ("user_groups", 2, "0..1"),
        ],
    )
    def test_values_out_of_range(self, folder: Path, name: str, value: int, bounds: str) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: np.put(arrays[name], -1, value))
        assert f"'{name}' has values outside {bounds}" in rejection(folder)

    def test_none(self, folder: Path) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: arrays.update({n: v[:0] for n, v in arrays.items()}))
        assert "holds no history" in rejection(folder) and "keeps no person's" in rejection(folder)
        change_arrays(folder, VALIDATION, lambda arrays: arrays.pop("targets"))
        assert "holds no history" in rejection(folder)

    def test_a_history_without_items(self, folder: Path) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: arrays["histories"][2].fill(-1))
        assert "a history is empty or not padded on the left" in rejection(folder)

    def test_padding_on_the_right_or_in_between(self, folder: Path) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: np.put(arrays["histories"], -2, -1))
        assert "a history is empty or not padded on the left" in rejection(folder)

    @pytest.mark.parametrize("shape", [(), (6, 1), (5,)])
    def test_other_shapes(self, folder: Path, shape: tuple[int, ...]) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: arrays.update(targets=np.zeros(shape, np.int32)))
        assert "validation_histories.safetensors does not fit config.json: tensor" in rejection(folder)

    def test_mistyped(self, folder: Path) -> None:
        change_arrays(folder, VALIDATION, lambda arrays: arrays.update(targets=arrays["targets"].astype(np.int64)))
        assert "tensor 'targets' is int64[6], expected int32[6]" in rejection(folder)


def load_or_reject(folder: Path) -> None:
    try:
        load_checkpoint(folder)
    except CheckpointError as error:
        assert str(error)


def damaged(folder: Path, name: str, data: bytes) -> None:
    original = (folder / name).read_bytes()
    (folder / name).write_bytes(data)
    try:
        load_or_reject(folder)
    finally:
        (folder / name).write_bytes(original)


kept_between_examples = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@kept_between_examples
@given(data=st.data(), name=st.sampled_from([CONFIG, WEIGHTS, VALIDATION]))
def test_flipped_bytes_are_rejected_or_harmless(folder: Path, data: st.DataObject, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    # Headers are where damage does most.
    reach = data.draw(st.sampled_from([16, 400, len(content)]))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, min(reach, len(content)) - 1))] = data.draw(st.integers(0, 255))
    damaged(folder, name, bytes(content))


@kept_between_examples
@given(data=st.data(), name=st.sampled_from([CONFIG, WEIGHTS, ITEMS, VALIDATION]))
def test_truncated_or_extended_files_are_rejected(folder: Path, data: st.DataObject, name: str) -> None:
    content = (folder / name).read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))
    damaged(folder, name, content[:kept])
    if name != ITEMS:
        damaged(folder, name, content[:kept] + data.draw(st.binary(max_size=40)))


COLUMNS = st.dictionaries(
    st.sampled_from(["item_id", "title", "more"]),
    st.one_of(
        st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=30, max_size=30),
        st.lists(st.integers(0, 40), min_size=30, max_size=30),
        st.lists(st.lists(st.text(max_size=2), max_size=2), min_size=30, max_size=30),
    ),
    max_size=3,
)


@kept_between_examples
@given(columns=COLUMNS)
def test_any_table_in_place_of_the_items_is_rejected_or_read(folder: Path, columns: dict[str, list[Any]]) -> None:
    buffer = io.BytesIO()
    pl.DataFrame(columns, strict=False).write_parquet(buffer)
    damaged(folder, ITEMS, buffer.getvalue())


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@kept_between_examples
@given(data=st.data(), value=JSON)
def test_any_value_in_place_of_one_of_the_config_is_rejected_or_read(
    folder: Path, data: st.DataObject, value: object
) -> None:
    config = json.loads((folder / CONFIG).read_text())
    part = config[data.draw(st.sampled_from(["model", "data"]))] if data.draw(st.booleans()) else config
    part[data.draw(st.sampled_from(sorted(part)))] = value
    damaged(folder, CONFIG, json.dumps(config).encode())


class TestHostileText:
    def test_in_every_field_and_key_of_the_configuration(self, folder: Path) -> None:
        config, refused = json.loads((folder / CONFIG).read_text()), set()
        for place in leaves(config):
            for change in (with_value, with_key) if len(place) == 1 else (with_value,):
                (folder / CONFIG).write_text(json.dumps(change(config, place, HOSTILE)))
                try:
                    load_checkpoint(folder)
                except CheckpointError as error:
                    refused.add(place[0])
                    assert_harmless(str(error))
        assert refused >= {"format", "schema_version", "model", "order"}

    @pytest.mark.parametrize("name", [HOSTILE, ENDLESS], ids=["hostile", "endless"])
    def test_in_names_of_tensors_and_columns(self, folder: Path, name: str) -> None:
        change_arrays(folder, WEIGHTS, lambda arrays: arrays.update({name: np.zeros(1, np.float32)}))
        assert_harmless(rejection(folder))
        write_items(folder, {name: ["a"], "title": ["b"]})
        assert_harmless(rejection(folder))

    def test_in_the_name_of_a_folder(self, tmp_path: Path) -> None:
        assert_harmless(rejection(tmp_path / NAME))
