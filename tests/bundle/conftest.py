"""The toy bundle, for tests of the format."""

from __future__ import annotations

from toy_bundle import archive_of, bundle_data, bundle_path, contents, encoded, entries, fields, network, table

__all__ = ["archive_of", "bundle_data", "bundle_path", "contents", "encoded", "entries", "fields", "network", "table"]
