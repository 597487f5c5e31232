"""Where figure and page of a beat go, and writing them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arrhythmia.errors import InputError
from arrhythmia.explain.case import Case
from arrhythmia.explain.choice import Choice
from arrhythmia.files import check_writable
from arrhythmia.naming import check_outputs


@dataclass(frozen=True)
class Outputs:
    """Files of a beat, or of several.

    Parameters
    ----------
    figure : str or None
        ``FILE.png``; by default ``beat_RECORD_N.png`` in the current folder.
    page : str or None
        ``FILE.html``, where a page is wanted.
    several : bool
        Whether each file is one of several: the number of the beat is put into its name.
    """

    figure: str | None
    page: str | None
    several: bool

    def files(self, record: str, beat: int) -> dict[str, str]:
        """``"figure"`` and, where it is wanted, ``"page"`` of a beat to their files."""
        figure = Path(self.figure or f"beat_{record}_{beat}.png")
        files = {"figure": self._numbered(figure, beat) if self.figure else str(figure)}
        return files | ({"page": self._numbered(Path(self.page), beat)} if self.page else {})

    def _numbered(self, file: Path, beat: int) -> str:
        return str(file.with_name(f"{file.stem}_{beat}{file.suffix}") if self.several else file)

    def check(self, name: str | Path | None, data_dir: str | Path | None, choice: Choice) -> None:
        """Raise an error, before any work, where files cannot be written.

        Raises
        ------
        InputError
            If a folder cannot be written, a suffix is wrong, or a file is one of the recording.
        """
        for beat in choice.several or (0,):
            files = self.files(choice.record.name, beat)
            check_writable(files["figure"], ".png", "--output")
            if self.page:
                check_writable(files["page"], ".html", "--html")
            check_outputs(name, data_dir, *files.values())

    def write(self, case: Case, keep_open: bool) -> dict[str, str]:
        """Write figure and page of a beat; give their files as `files` does.

        Parameters
        ----------
        case : Case
        keep_open : bool
            Whether the figure is to be shown in a window later.
        """
        from matplotlib import pyplot as plt

        from arrhythmia.explain.figure import draw_case, save_figure

        files = self.files(case.record.name, case.beat)
        figure = draw_case(case)
        save_figure(figure, Path(files["figure"]))
        if not keep_open:
            plt.close(figure)
        if self.page:
            from arrhythmia.explain.page import write_page

            write_page(files["page"], case)
        return files


def beat_numbers(text: str) -> tuple[int, ...]:
    """Numbers of beats from ``5,9,120``.

    Raises
    ------
    InputError
        If it is no list of whole numbers.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--beats must be numbers such as 5,9,120, got '{text}'")
    return tuple(map(int, parts))
