"""A picture of the page of `validate --html`: docs/validation-report.png.

Run: python docs/make_report_picture.py

Needs chromium (Debian: apt-get install chromium).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
SIZE = "1100,1400"
COLOURS = 256
"""As many as one byte a pixel can name: a third of the bytes."""


def main() -> None:
    """Bundle the sample, validate it with its layers, and look at the page."""
    tool = str(Path(sys.executable).with_name("ofa-export"))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([tool, "bundle", "--budget", "4MB", "--runtime", "litert", "-o", folder], check=True)
        bundle, page = next(Path(folder).glob("*.ofab")), Path(folder) / "report.html"
        subprocess.run([tool, "validate", bundle, "--layers", "--html", page], check=True)
        take_picture(page, DOCS / "validation-report.png")


def take_picture(page: Path, picture: Path) -> None:
    """Take a picture of the top of a page, as it comes on a screen."""
    options = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={SIZE}", f"--screenshot={picture}"]
    subprocess.run(["chromium", *options, page.as_uri()], check=True, capture_output=True)
    Image.open(picture).convert("RGB").quantize(COLOURS).save(picture, optimize=True)


if __name__ == "__main__":
    main()
