"""`ofa-export apk`: the demo app with bundles inside."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ofa_export.cli.render.options import ForceOption, JsonOption, OutputOption, examples
from ofa_export.cli.render.outcome import print_json, reports_errors

EPILOG = examples(
    "ofa-export apk sample-4MB-litert.ofab sample-4MB-executorch.ofab -o demo.apk",
    "ofa-export apk sample-4MB-litert.ofab --abi arm64-v8a -o demo.apk --force",
    "ofa-export apk 'out/*.ofab' --keystore my.p12 -o demo.apk --json",
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(name="apk", epilog=EPILOG)(apk)


@reports_errors
def apk(
    bundles: Annotated[list[Path], typer.Argument(metavar="BUNDLE", help="Bundle files, or patterns in quotes.")],
    output: OutputOption,
    abi: Annotated[
        str, typer.Option("--abi", metavar="NAMES", help="Processors: LiteRT also has armeabi-v7a and x86.")
    ] = "arm64-v8a,x86_64",
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", metavar="NAMES", help="litert,executorch; default: those of the bundles."),
    ] = None,
    keystore: Annotated[
        Path | None,
        typer.Option(
            "--keystore",
            metavar="FILE",
            help="Your key, its password in OFA_EXPORT_KEYSTORE_PASSWORD or asked for; default: a debug key.",
        ),
    ] = None,
    key_alias: Annotated[
        str | None, typer.Option("--key-alias", metavar="NAME", help="The key, if the keystore has several.")
    ] = None,
    force: ForceOption = False,
    json_output: JsonOption = False,
) -> None:
    """Build the Android demo app with bundles inside."""
    from ofa_export.apk.app_bundle import app_bundles, app_runtimes
    from ofa_export.apk.build import STEPS, build_apk, check_tools
    from ofa_export.apk.native_libraries import check_abis
    from ofa_export.apk.signing_key import check_keystore, debug_key, given_key
    from ofa_export.apk.sources import demo_sources
    from ofa_export.cli.render.apk_view import apk_json, print_apk
    from ofa_export.cli.render.bundle_paths import bundle_paths, checked_bundle
    from ofa_export.cli.render.progress import step_bar
    from ofa_export.support.content_cache import ContentCache
    from ofa_export.support.output import check_apart, check_output

    check_output(output, force=force)
    paths = bundle_paths(bundles)
    check_apart((output,), (*paths, keystore))
    inside = app_bundles([(path, checked_bundle(path)) for path in paths])
    runtimes = app_runtimes(inside, None if runtime is None else _names(runtime))
    abis = _names(abi)
    check_abis(abis, runtimes)
    cache = ContentCache()
    check_tools(cache)
    if keystore is not None:
        # Before anybody is asked for its password.
        check_keystore(keystore)
    key = debug_key(cache.root) if keystore is None else given_key(keystore, _password(keystore), key_alias)
    with step_bar(f"Building {output.name}", STEPS) as progress:
        made = build_apk(
            inside,
            output,
            runtimes=runtimes,
            abis=abis,
            key=key,
            sources=demo_sources(),
            cache=cache,
            progress=progress,
            force=force,
        )
    if json_output:
        print_json(apk_json(made))
    else:
        print_apk(made)


def _password(keystore: Path) -> str:
    """Read the password of a keystore from the environment, or ask for it at a terminal.

    Args:
        keystore: that it opens.

    Raises:
        ConfigError: it is not in the environment, and there is nobody to ask.
    """
    from ofa_export.apk.signing_key import PASSWORD_VARIABLE
    from ofa_export.errors import ConfigError
    from ofa_export.foreign_text import shown

    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"The keystore {keystore} needs its password: put it into the environment variable {PASSWORD_VARIABLE}, or "
            "run this at a terminal, which asks for it."
        )
    return getpass.getpass(shown(f"Password of {keystore}: "), stream=sys.stderr)


def _names(given: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
