from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import cache
from pathlib import Path

import grimp
import pytest

from ofa_export.converters.registry import get_converter
from ofa_export.errors import LoweringError
from ofa_export.support import content_cache
from ofa_export.support.content_cache import HEADER_SIZE, ContentCache, default_cache_root

CONTENT = b"converted graphs " * 1000


class Maker:
    """Makes the content, and counts how often it had to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> bytes:
        self.calls += 1
        return CONTENT


def refuse() -> bytes:
    raise LoweringError(converter="litert", stage="lower", graph="adapt", detail="no")


def get(root: Path, maker: Maker, *inputs: object, kind: str = "graphs") -> bytes:
    return ContentCache(root).get(kind, inputs, maker)


def test_the_second_call_makes_nothing(tmp_path: Path) -> None:
    maker = Maker()
    assert get(tmp_path, maker) == get(tmp_path, maker) == CONTENT
    assert maker.calls == 1


def test_other_inputs_and_another_kind_are_other_entries(tmp_path: Path) -> None:
    made = [["a", "b"], ["ab"], ["a", "c"], [b"a", "b"], [["a", "b"]], [{"a": "b"}], []]
    maker = Maker()
    for inputs in made:
        get(tmp_path, maker, *inputs)
    assert len(list(tmp_path.glob("*.graphs"))) == maker.calls == len(made)
    get(tmp_path, maker, "a", "b", kind="worth")
    assert len(list(tmp_path.glob("*.worth"))) == 1


def test_the_order_of_a_dictionary_does_not_matter(tmp_path: Path) -> None:
    maker = Maker()
    get(tmp_path, maker, {"torch": "2.13", "numpy": "2.4"})
    get(tmp_path, maker, {"numpy": "2.4", "torch": "2.13"})
    assert maker.calls == 1


def test_what_decides_the_content_unknown_nothing_is_kept(tmp_path: Path) -> None:
    maker = Maker()
    for _ in range(2):
        assert ContentCache(tmp_path).get("worth", None, maker) == CONTENT
    assert maker.calls == 2
    assert not list(tmp_path.iterdir())


def test_code_that_only_the_run_decides_on_is_part_of_the_key(tmp_path: Path) -> None:
    maker, store = Maker(), ContentCache(tmp_path)
    for made_with in ([], [get_converter("litert")], [get_converter("executorch")]):
        store.get("graphs", [], maker, made_with=made_with)
    assert maker.calls == 3


@pytest.mark.parametrize(
    "module",
    [
        "apk.app_code",
        "converters.conversion",
        "converters.executorch.converter",
        "converters.litert.converter",
        "evaluation.controls",
        "planning.complete_bundle_cache",
        "planning.limits",
        "planning.measurements",
        "validation.layers.measure_attribution",
    ],
)
def test_the_sources_of_what_makes_an_entry_are_all_that_it_imports_and_not_the_command_line(module: str) -> None:
    graph, maker = imports(), f"ofa_export.{module}"
    package = Path(content_cache.__file__).parents[1]
    files = content_cache._source_files(package / f"{module.replace('.', '/')}.py")
    found = {".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files}
    wanted = {maker, *graph.find_upstream_modules(maker)} - {"ofa_export"}
    assert wanted <= {name.removesuffix(".__init__") for name in found}
    assert not any(name.startswith("ofa_export.cli") for name in found)


@cache
def imports() -> grimp.ImportGraph:
    """Who imports whom; the package's own module, which looks into every room, is left out."""
    graph = grimp.build_graph("ofa_export", cache_dir=None)
    for room in graph.find_modules_directly_imported_by("ofa_export"):
        graph.remove_import(importer="ofa_export", imported=room)
    return graph


def test_a_module_that_runs_in_a_process_of_its_own_is_a_source_of_who_names_it() -> None:
    package = Path(content_cache.__file__).parents[1] / "converters/onnx2tf"
    assert package / "process.py" in content_cache._source_files(package / "converter.py")


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored[:-1],
        lambda stored: stored[:-1] + b"?",
        lambda stored: b"",
        lambda stored: b"?" + stored[1:],
    ],
    ids=["truncated", "changed", "empty", "foreign"],
)
def test_a_damaged_entry_is_reported_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage) -> None:
    maker = Maker()
    get(tmp_path, maker)
    (entry,) = tmp_path.glob("*.graphs")
    entry.write_bytes(damage(entry.read_bytes()))
    assert get(tmp_path, maker) == CONTENT
    assert "damaged" in caplog.text
    assert get(tmp_path, maker) == CONTENT
    assert maker.calls == 2


def test_an_entry_under_the_name_of_another_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    maker = Maker()
    get(tmp_path, maker, "mine")
    (mine,) = tmp_path.glob("*.graphs")
    get(tmp_path, maker, "theirs")
    (theirs,) = set(tmp_path.glob("*.graphs")) - {mine}
    sound = mine.read_bytes()
    mine.write_bytes(theirs.read_bytes())
    get(tmp_path, maker, "mine")
    assert maker.calls == 3
    assert mine.read_bytes() == sound
    (record,) = caplog.records
    assert "something else than was asked for; it is dropped and made again" in record.getMessage()


def test_content_that_does_not_fit_is_made_again(tmp_path: Path) -> None:
    maker = Maker()
    get(tmp_path, maker)
    assert ContentCache(tmp_path).get("graphs", [], maker, fits=lambda content: content != CONTENT) == CONTENT
    assert maker.calls == 2


def test_a_pipe_or_a_loop_in_the_place_of_an_entry_makes_way(tmp_path: Path) -> None:
    maker = Maker()
    get(tmp_path, maker)
    (entry,) = tmp_path.glob("*.graphs")
    entry.unlink()
    os.mkfifo(tmp_path / "pipe")
    for put in (os.mkfifo, lambda path: path.symlink_to("pipe"), lambda path: path.symlink_to(path.name)):
        put(entry)
        assert get(tmp_path, maker) == CONTENT
        assert not entry.is_symlink()
        assert entry.read_bytes()[HEADER_SIZE:].endswith(CONTENT)
        entry.unlink()
    assert (tmp_path / "pipe").is_fifo()


def test_an_unusable_folder_means_working_without_a_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    maker = Maker()
    (tmp_path / "file").write_bytes(b"")
    assert get(tmp_path / "file" / "cache", maker) == CONTENT
    assert "working without it" in caplog.text
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_a_refusal_is_passed_on_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match="adapt"):
        ContentCache(tmp_path).get("graphs", [], refuse)
    assert not list(tmp_path.glob("*.graphs"))
    assert get(tmp_path, Maker()) == CONTENT


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFA_EXPORT_CACHE", str(tmp_path))
    assert default_cache_root() == tmp_path
    monkeypatch.setenv("OFA_EXPORT_CACHE", "")
    assert default_cache_root().name == "ofa-export"


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from ofa_export.support.content_cache import ContentCache

    def make():
        print("making", flush=True)
        time.sleep(float(sys.argv[2]))
        return {content!r} * 1000

    ContentCache(Path(sys.argv[1])).get("graphs", [], make)
    print("done", flush=True)
    """
).format(content=CONTENT[:17])


def start(root: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(root), str(seconds)], stdout=subprocess.PIPE, text=True)


@pytest.mark.integration
def test_a_second_process_waits_and_reuses(tmp_path: Path) -> None:
    with start(tmp_path, 2) as first:
        assert first.stdout is not None and first.stdout.readline() == "making\n"
        with start(tmp_path, 0) as second:
            assert second.communicate()[0] == "done\n"
        assert first.stdout.read() == "done\n"


@pytest.mark.integration
def test_a_process_killed_while_making_leaves_a_cache_that_works(tmp_path: Path) -> None:
    with start(tmp_path, 60) as process:
        assert process.stdout is not None and process.stdout.readline() == "making\n"
        process.send_signal(signal.SIGKILL)
    maker = Maker()
    assert get(tmp_path, maker) == CONTENT
    assert maker.calls == 1


@pytest.mark.integration
def test_a_process_killed_while_writing_leaves_a_cache_that_works(tmp_path: Path) -> None:
    # Killing itself at each system call of the write is the only way to hit the few microseconds for sure.
    for call in ("fsync", "replace"):
        root = tmp_path / call
        script = f"import os, signal\nos.{call} = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)\n"
        process = subprocess.run([sys.executable, "-c", script + SCRIPT, str(root), "0"], check=False)
        assert process.returncode == -signal.SIGKILL
        assert not list(root.glob("*.graphs"))
        started = time.monotonic()
        assert get(root, Maker()) == CONTENT
        assert time.monotonic() - started < 5
