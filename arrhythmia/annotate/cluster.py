"""Recordings annotated on the machines of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from arrhythmia.errors import InputError

if TYPE_CHECKING:
    from arrhythmia.annotate import Annotated, Options

GET_IT: Final = "'pip install distributed==2026.8.0' to use --scheduler"
WAIT_S: Final = 10
"""Seconds to wait for a scheduler."""


def annotate_on_cluster(
    names: Sequence[str], options: Options, scheduler: str
) -> Iterator[Annotated]:
    """`arrhythmia.annotate.annotate_one` for each recording, on the workers of a scheduler.

    The workers see the same files under the same paths, and have the same version of the package.
    What a worker had not finished when it was lost is done again by another.

    Parameters
    ----------
    names : sequence of str
        Recordings.
    options : Options
    scheduler : str
        Its address, such as ``"tcp://10.0.0.5:8786"``.

    Yields
    ------
    Annotated
        In the order of ``names``.

    Raises
    ------
    InputError
        If ``distributed`` is missing or there is no scheduler.
    """
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as error:
        raise InputError(f"dask.distributed is missing: {GET_IT}") from error
    from arrhythmia.annotate import Annotated, annotate_one

    try:
        client = Client(scheduler, timeout=WAIT_S)
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no Dask scheduler at '{scheduler}': give its address, such as "
            "tcp://HOST:8786"
        ) from error
    with client:
        folders = ("output_dir", "data_dir", "decisions", "model")
        given = {name: getattr(options, name) for name in folders}
        options = replace(options, **{k: str(Path(v).absolute()) for k, v in given.items() if v})
        futures = [
            client.submit(annotate_one, _absolute(name), options, pure=False) for name in names
        ]
        for name, future in zip(names, futures, strict=True):
            try:
                yield replace(future.result(), name=name)
            except KilledWorker:
                yield Annotated(name, None, {}, error=f"'{name}' ended every worker it was given")


def _absolute(name: str) -> str:
    """The path of a recording that is here, for processes that work elsewhere; ``233`` stays."""
    is_path = Path(name).exists() or Path(f"{name}.hea").exists() or Path(name).parent != Path()
    return str(Path(name).absolute()) if is_path else name
