"""Collect: from an export, a public data set or a simulated company to checked canonical tables."""


class ExportError(ValueError):
    """An export cannot be read at all. The message names the file or field and the remedy."""


class DownloadError(RuntimeError):
    """A public data set could not be fetched. The message names the cause and the remedy."""
