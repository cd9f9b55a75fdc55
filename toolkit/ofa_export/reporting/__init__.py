"""HTML pages, plots and the byte map of reports."""
