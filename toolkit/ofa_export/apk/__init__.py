"""The demo app with bundles inside, built and signed without an Android SDK, one step in each file."""
