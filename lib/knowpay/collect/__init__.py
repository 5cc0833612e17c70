"""Collect: from an export, a public data set or a simulated company to checked canonical tables."""


class ExportError(ValueError):
    """An export cannot be read at all. The message names the file or field and the remedy."""


class TooLittleData(ValueError):
    """A lesson cannot be worked on these data. The message names what would unlock it."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook the sentence alone is shown: the reader has made no mistake to trace."""
        return [str(self)]


class DownloadError(RuntimeError):
    """A public data set could not be fetched. The message names the cause and the remedy."""
