"""What the page keeps for a visitor, in memory and for a time: recording, decisions, place."""

from __future__ import annotations

import secrets
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import RLock, Semaphore, Thread
from typing import Final

from arrhythmia.app.live import Player
from arrhythmia.app.reading import Reading, Recording, Settings, Told, begin, for_page, read
from arrhythmia.errors import InputError, MissingError
from arrhythmia.naming import Decisions
from arrhythmia.records import Hints

MOST_SESSIONS: Final = 20
MOST_BYTES: Final = 4_000_000_000
"""Of all recordings together; the session that was used least recently goes first."""
IDLE_S: Final = 6 * 3600.0
"""A session that was not used for so long is forgotten."""
SHOWN_S: Final = 10.0
"""Seconds of the strip at first."""
AT_ONCE: Final = Semaphore(2)
"""Recordings that are analysed at a time."""
FAILED: Final = "this recording could not be analysed: the terminal says why"


class CancelledError(Exception):
    """The visitor does not want to wait."""


@dataclass
class Upload:
    """A file that was sent, until it is analysed.

    Parameters
    ----------
    folder : TemporaryDirectory
        Holds it, and is deleted with it.
    path : Path
        Of the file, or of a WFDB record without suffix.
    recording : Recording or None
        As soon as it is read.
    """

    folder: TemporaryDirectory
    path: Path
    recording: Recording | None = None


@dataclass
class Job:
    """Work that a visitor waits for."""

    step: str = "waiting for another analysis"
    cancelled: bool = False


@dataclass
class Session:
    """A visitor.

    Parameters
    ----------
    reading : Reading or None
        None until the first recording is analysed.
    past : list of (Decisions, str)
        To go back to, the last one last, and what was decided then.
    log : list of str
        What was decided, and taken back.
    start, seconds, beat : float, float, int
        What the strip shows, and the beat that is explained.
    by, descending : str, bool
        How the table of events is sorted.
    version : int
        Grows with all that changes counts.
    job : Job or None
        What is being done.
    error, asks : str
        Why the last job failed, and what would help: ``"fs"`` or ``"lead"``.
    live : Player or None
        Plays the recording to the live view.
    """

    reading: Reading | None = None
    past: list[tuple[Decisions, str]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    start: float = 0.0
    seconds: float = SHOWN_S
    beat: int = 0
    by: str = "start_s"
    descending: bool = False
    version: int = 0
    job: Job | None = None
    error: str = ""
    asks: str = ""
    upload: Upload | None = None
    live: Player | None = None
    used: float = field(default_factory=time.monotonic)
    lock: RLock = field(default_factory=RLock)
    explaining: RLock = field(default_factory=RLock)

    # Recordings

    def open(self, folder: TemporaryDirectory, path: Path) -> None:
        """Read and analyse a file that was sent."""
        self.cancel()
        self.upload = Upload(folder, path)
        self.answer(Hints(), None)

    def answer(self, hints: Hints, lead: str | None) -> None:
        """Analyse the file that was sent with what its visitor says of it."""
        upload = self.upload
        if upload is None:
            raise InputError("there is no file to be read: send it again")

        def work(told: Told) -> Reading:
            if upload.recording is None:
                told("reading the file")
                try:
                    upload.recording = read(upload.path, hints)
                except InputError as error:
                    raise _without_folder(error, upload.folder.name) from error
            return begin(upload.recording, Settings(lead), told)

        self.run(work)

    def again(self, settings: Settings) -> None:
        """Analyse the recording with other settings; decisions stay."""
        if self.reading is None:
            raise InputError("there is no recording yet")
        recording = replace(self.reading.recording, decisions=self.reading.decisions)
        self.run(lambda told: begin(recording, settings, told), keep=True)

    def run(self, work: Callable[[Told], Reading], keep: bool = False) -> None:
        """Do what takes long, beside the page."""
        job = Job()
        self.job, self.error, self.asks = job, "", ""
        Thread(target=self._run, args=(job, work, keep), daemon=True).start()

    def _run(self, job: Job, work: Callable[[Told], Reading], keep: bool) -> None:
        def told(step: str) -> None:
            if job.cancelled:
                raise CancelledError
            job.step = step

        error, asks, reading = "", "", None
        try:
            with AT_ONCE:
                reading = work(told)
        except CancelledError:
            return
        except InputError as bad:
            error, asks = for_page(str(bad)), bad.what if isinstance(bad, MissingError) else ""
        except MemoryError:
            error = "there is not enough memory for this recording"
        except Exception:  # the page stays usable, whatever a file does
            traceback.print_exc(file=sys.stderr)
            error = FAILED
        with self.lock:
            if job is not self.job or job.cancelled:
                return
            if reading is not None:
                self.show(reading, keep)
            elif not asks:
                self.forget_upload()
            self.job, self.error, self.asks = None, error, asks

    def show(self, reading: Reading, keep: bool = False) -> None:
        """Show a recording from its beginning; ``keep`` for the same one, analysed again."""
        self.forget_upload()
        self.stop_live()
        if keep and self.reading is not None:  # what was decided while the analysis ran
            reading = reading.after(self.reading.decisions)
        self.reading, self.live, self.version = reading, None, self.version + 1
        self.beat = min(self.beat, len(reading.letters) - 1) if keep else 0
        if keep:
            limits = reading.settings.limits.words
            self.log.append(f"{clock_now()} analysed again{f': {limits}' if limits else ''}")
        else:
            self.past, self.log, self.start, self.seconds = [], [], 0.0, SHOWN_S

    def cancel(self) -> None:
        """Wait no longer."""
        with self.lock:
            if self.job is not None:
                self.job.cancelled = True
            self.job, self.error, self.asks = None, "", ""
            self.forget_upload()

    def forget_upload(self) -> None:
        """Delete the file that was sent."""
        if self.upload is not None:
            self.upload.folder.cleanup()
        self.upload = None

    # The live view

    def play(self, speed: int) -> None:
        """Play the recording as a stream, from the moment that is shown."""
        with self.lock:
            if self.reading is None:
                raise InputError("there is no recording yet")
            player = Player(self.reading, self.start, speed)
            self.stop_live()
            self.live = player.begin()

    def stop_live(self) -> None:
        """Play no more; what was shown last stays."""
        if self.live is not None:
            self.live.stop()

    # Decisions

    def decide(self, reading: Reading, words: str) -> str:
        """Keep what a reader decided; gives its words and what it did to the counts."""
        before = self.reading.counts
        changes = [
            f"{c} {before[c]} to {n}" for c, n in reading.counts.items() if n != before[c]
        ]  # fmt: skip
        effect = f"{words}: {', '.join(changes) or 'no count changes'}"
        self.past.append((self.reading.decisions, words))
        self.reading, self.version = reading, self.version + 1
        self.log.append(f"{clock_now()} {effect}")
        return effect

    def undo(self) -> str:
        """Take the last decision back."""
        if not self.past:
            return "there is nothing to take back"
        decisions, words = self.past.pop()
        effect = self.decide(self.reading.after(decisions), f"taken back: {words}")
        self.past.pop()
        return effect

    # The place in the recording

    def look_at(self, seconds: float) -> None:
        """Show a moment in the middle of the strip."""
        last = max(self.reading.analysis.record.seconds - self.seconds, 0.0)
        self.start = min(max(seconds - self.seconds / 2, 0.0), last)

    def go_to_beat(self, beat: int) -> None:
        """Choose a beat, and show it."""
        centers = self.reading.analysis.beats.centers
        self.beat = min(max(beat, 0), len(centers) - 1)
        at, margin = float(centers[self.beat]), 0.05 * self.seconds
        if not self.start + margin <= at <= self.start + self.seconds - margin:
            self.look_at(at)


def _without_folder(error: InputError, folder: str) -> InputError:
    """The same error without the place where the file was kept."""
    text = str(error).replace(f"{folder}/", "").replace(folder, "the upload")
    return MissingError(text, error.what) if isinstance(error, MissingError) else InputError(text)


def clock_now() -> str:
    """Time of day, for the log."""
    return time.strftime("%H:%M:%S")


class Sessions:
    """All visitors.

    Parameters
    ----------
    first : Future
        Of the reading that a new visitor sees.
    """

    def __init__(self, first: Future) -> None:
        self._first = first
        self._by_id: OrderedDict[str, Session] = OrderedDict()
        self._lock = RLock()

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, name: str | None) -> Session | None:
        """The session of a name that `new` gave; None where it is forgotten or never was."""
        with self._lock:
            session = self._by_id.get(name or "")
            if session is not None:
                session.used = time.monotonic()
                self._by_id.move_to_end(name)
            self._forget_old()
            return session

    def new(self) -> str:
        """Name of a new session, which nobody can guess."""
        name, session = secrets.token_urlsafe(32), Session()
        if self._first.done() and self._first.exception() is None:
            session.show(self._first.result())
        else:
            session.run(lambda told: self._first.result())
        with self._lock:
            self._by_id[name] = session
            self._forget_old()
        return name

    def _forget_old(self) -> None:
        """Forget sessions that are idle, or too many, or too large."""
        now, kept, size = time.monotonic(), 0, 0
        known = self._first.done() and self._first.exception() is None
        shared_record = self._first.result().recording.record if known else None
        for name, session in reversed(list(self._by_id.items())):
            reading = session.reading
            own = reading is not None and reading.recording.record is not shared_record
            kept, size = kept + 1, size + (reading.analysis.record.signals.nbytes if own else 0)
            idle = now - session.used > IDLE_S
            if idle or kept > MOST_SESSIONS or (size > MOST_BYTES and kept > 1):
                forgotten = self._by_id.pop(name)
                forgotten.cancel()
                forgotten.stop_live()
