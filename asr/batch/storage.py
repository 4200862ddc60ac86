"""Folders on disk or at an address, such as `gs://bucket/folder`.

Paths need nothing. Addresses need TensorFlow (the extra `train`), whose `tf.io.gfile`
reads shards too.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from asr.errors import DataError, OutputError
from asr.files import atomic_write


def is_address(place: str) -> bool:
    """Return whether a place is an address and no path."""
    return "://" in place


class Folder:
    """A folder of text files, each complete or absent.

    Args:
        place: Path or address.
    """

    def __init__(self, place: str) -> None:
        self.place = place.rstrip("/") or "/"

    def path(self, name: str) -> str:
        """Return the path or address of a file."""
        return f"{self.place}/{name}"

    def make(self, *below: str) -> None:
        """Make the folder and folders below it.

        Raises:
            OutputError: They cannot be made.
        """
        for name in ("", *below):
            path = self.path(name) if name else self.place
            if is_address(path):
                with _output_errors(path):
                    _gfile().makedirs(path)
                continue
            try:
                Path(path).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                text = f"cannot make the folder {path}: {error.strerror}"
                raise OutputError(text) from error

    def read(self, name: str) -> str | None:
        """Return the text of a file; None if it is absent.

        Raises:
            OutputError: It cannot be read.
        """
        path = self.path(name)
        if is_address(path):
            with _output_errors(path, "read"):
                gfile = _gfile()
                if not gfile.exists(path):
                    return None
                with gfile.GFile(path, "rb") as file:
                    content = bytes(file.read())
            try:
                return content.decode()
            except ValueError as error:
                raise OutputError(f"cannot read {path}: {error}") from error
        try:
            return Path(path).read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot read {path}: {error}") from error

    def write(self, name: str, text: str) -> None:
        """Write a file, which appears at once.

        Raises:
            OutputError: It cannot be written.
        """
        with self.writer(name) as file:
            file.write(text)

    @contextlib.contextmanager
    def writer(self, name: str) -> Iterator[IO[Any]]:
        """Open a file for text; it appears when the block ends.

        Raises:
            OutputError: It cannot be written.
        """
        path = self.path(name)
        if not is_address(path):
            with atomic_write(path) as file:
                yield file
            return
        part = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.part"
        with _output_errors(path):
            gfile = _gfile()
            try:
                with gfile.GFile(part, "w") as file:
                    file.write("")  # else a file without a line would not be made
                    yield file
                gfile.rename(part, path, overwrite=True)
            finally:
                if gfile.exists(part):
                    gfile.remove(part)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        path = self.path(name)
        if is_address(path):
            with _output_errors(path):
                if _gfile().exists(path):
                    _gfile().remove(path)
        else:
            Path(path).unlink(missing_ok=True)


def copy_from(address: str, path: Path) -> None:
    """Copy the file at an address.

    Raises:
        DataError: It is missing or cannot be read.
    """
    import tensorflow as tf

    try:
        tf.io.gfile.copy(address, str(path), overwrite=True)
    except tf.errors.OpError as error:
        raise DataError(f"cannot read {address}: {error.message}") from error


def files_below(address: str) -> Iterator[str]:
    """Yield the addresses of all files in a folder at an address, sorted in folders.

    Raises:
        DataError: The address cannot be read.
    """
    import tensorflow as tf

    try:
        for folder, _, names in tf.io.gfile.walk(address, onerror=_raise):
            for name in sorted(names):
                yield f"{folder.rstrip('/')}/{name}"
    except tf.errors.OpError as error:
        raise DataError(f"cannot read {address}: {error.message}") from error


def _raise(error: Exception) -> None:
    raise error


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile


@contextlib.contextmanager
def _output_errors(path: str, verb: str = "write") -> Iterator[None]:
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        raise OutputError(f"cannot {verb} {path}: {error.message}") from error
