"""Output of the commands: tables, progress, errors."""
