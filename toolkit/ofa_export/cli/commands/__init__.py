"""Commands: each parses its options, calls the rooms and prints."""
