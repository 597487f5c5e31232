"""Recordings annotated on the machines of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from arrhythmia.errors import InputError

Options = TypeVar("Options")
Result = TypeVar("Result")
GET_IT: Final = "'pip install distributed==2026.8.0' to use --scheduler"
WAIT_S: Final = 10
"""Seconds to wait for a scheduler."""


def on_cluster(
    work: Callable[[str, Options], Result],
    names: Sequence[str],
    options: Options,
    scheduler: str,
) -> Iterator[Result | None]:
    """What a function gives for each recording, on the workers of a scheduler.

    The workers see the same files under the same paths, and have the same version of the package.
    What a worker had not finished when it was lost is done again by another.

    Parameters
    ----------
    work : callable
        `arrhythmia.annotate.annotate_one`.
    names : sequence of str
        Recordings.
    options : arrhythmia.annotate.Options
    scheduler : str
        Its address, such as ``"tcp://10.0.0.5:8786"``.

    Yields
    ------
    Annotated or None
        In the order of ``names``; None for a recording that ended every worker it was given.

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
        futures = [client.submit(work, _absolute(name), options, pure=False) for name in names]
        for future in futures:
            try:
                yield future.result()
            except KilledWorker:
                yield None


def _absolute(name: str) -> str:
    """The path of a recording that is here, for processes that work elsewhere; ``233`` stays."""
    is_path = Path(name).exists() or Path(f"{name}.hea").exists() or Path(name).parent != Path()
    return str(Path(name).absolute()) if is_path else name
