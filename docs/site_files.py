"""The files of the documentation site (mkdocs.yml): pages of the repository at their own paths.

A page outside docs/ is part of the site too, and a link between two pages works in both places as it is written.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PATTERNS = (
    "*.md",
    "LICENSE",
    "docs/**/*",
    "android_demo/README.md",
    "android_demo/core/README.md",
    "android_demo/screenshots/*",
    "artifacts/README.md",
    "export_recipes/**/*.yaml",
    "tests/fuzz/corpus/README.md",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository that the site shows; the theme's own stay.

    Args:
        files: what mkdocs found.
        config: mkdocs.yml, at the root of the repository.

    Returns:
        The files of the site.
    """
    root = Path(config.config_file_path).parent
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    for path in sorted(path for pattern in PATTERNS for path in root.glob(pattern) if path.is_file()):
        files.append(File.generated(config, path.relative_to(root).as_posix(), abs_src_path=str(path)))
    return files
