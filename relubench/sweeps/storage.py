"""Files of a results folder: whole or not at all, in UTF-8, and refused by one line where they are damaged.

Each holds a digest of its content, verified before anything else looks at it: a flipped bit in a Parquet page
would be read as another number, and one in its header may crash the reader.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import itertools
import json
import os
import shutil
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from relubench.errors import MissingCode, StorageError, UserError
from relubench.lazy import pl

#: Version of the columns of every Parquet file, stored in its metadata.
SCHEMA_VERSION = "5"
#: The versions that are read, and of them the one whose files hold no digest.
READ_VERSIONS = ("2", "3", "4", SCHEMA_VERSION)
UNSIGNED_VERSION = "2"
#: A temporary file this old belongs to a process that is gone, whichever machine it ran on.
STALE_SECONDS = 3600.0

#: Rows that lie together in a Parquet file; polars' writer holds as many.
ROW_GROUP = 2**17

#: What to do about a table that cannot be read.
MERGE_AGAIN = "delete it; `python -m relubench merge`, with the words of the run, makes it again from the parts"

_VERSION_KEY, _DIGEST_KEY, _ORIGIN_KEY = "relubench_schema", "relubench_digest", "relubench_origin"
_MARK = b"relubench-blake2b:"  # in a Parquet file, the digest follows it
_DIGITS = 32
_TAIL = 2**20  # of a Parquet file: its end, where the digest is
_PIECE = 2**22  # of a file, of which the digest is taken
_HEADER = "# digest of the lines below: "  # the first line of a YAML file
_TEMPORARY = ".tmp-"
_counter = itertools.count()


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return str(text).splitlines()[0]


@contextlib.contextmanager
def refusing(path: Path, remedy: str) -> Iterator[None]:
    """Turn whatever the content of a file makes its readers raise into one line: the file, why, and the remedy."""
    try:
        yield
    except (MemoryError, MissingCode):
        raise
    except (Exception, pl.exceptions.PanicException) as error:  # a panic of polars is no Exception
        raise UserError(f"{path}: it cannot be read ({_reason(error)}); {remedy}") from error


def _storage_error(path: Path, error: Exception) -> StorageError:
    code = getattr(error, "errno", None)
    if code == errno.ENOSPC or "No space left" in str(error):
        reason = "the disk is full"
    elif code in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason = "it cannot be written (read-only, or no permission)"
    else:
        reason = _reason(error)
    return StorageError(f"out={path.parent}: {path.name}: {reason}; what was written before is safe")


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where it isn't there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _storage_error(path, error) from error


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the name `path`, durably, in one step."""
    temporary = _temporary(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError | pl.exceptions.ComputeError):
            raise _storage_error(path, error) from error
        raise


def _temporary(folder: Path) -> Path:
    return folder / f"{_TEMPORARY}{socket.gethostname()}-{os.getpid()}-{next(_counter)}"


def _sync_folder(folder: Path) -> None:
    """Make new names in a folder durable, where the system can (Windows opens no folders)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yield a new folder in `folder`, for as long as the context lasts."""
    path = _temporary(folder)
    try:
        path.mkdir()
        yield path
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        shutil.rmtree(path, ignore_errors=True)


def clean(folder: Path) -> None:
    """Remove temporary files and folders whose writer is gone, in a folder and the folders in it."""
    for path in [*folder.glob(f"{_TEMPORARY}*"), *folder.glob(f"*/{_TEMPORARY}*")]:
        with contextlib.suppress(OSError):
            if _is_stale(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_stale(path: Path) -> bool:
    host, _, rest = path.name.removeprefix(_TEMPORARY).rpartition("-")[0].rpartition("-")
    if os.name == "posix" and host == socket.gethostname() and rest.isdigit():  # on Windows os.kill would kill
        return not _is_alive(int(rest))
    return path.is_file() and time.time() - path.stat().st_mtime > STALE_SECONDS  # a merge may take longer


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # another user's: it takes no signal from this one
    return True


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with atomic(path) as temporary:
        # Lines end alike on every system, or a digest would not; a word may have been typed in an ASCII locale.
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def _digest(pieces: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.blake2b(digest_size=_DIGITS // 2)
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def write_yaml(path: Path, text: str) -> None:
    """Write YAML in one step, under a comment with its digest."""
    write_text(path, f"{_HEADER}{_digest([text.encode()])}\n{text}")


def read_yaml(path: Path) -> str:
    """Return the text of a YAML file; without our comment, its content is believed."""
    text = path.read_bytes().decode()
    header, _, rest = text.partition("\n")
    if not header.startswith(_HEADER):
        return text
    if header.removeprefix(_HEADER) != _digest([rest.encode()]):
        raise ValueError("it is not what was written: damaged, or edited by hand")
    return rest


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a mapping as JSON in one step, with its digest."""
    sealed = {**values, "digest": _digest([json.dumps(values).encode()])}
    write_text(path, json.dumps(sealed, indent=2) + "\n")


def read_json(path: Path, keys: Mapping[str, type], remedy: str) -> dict[str, Any]:
    """Return the mapping in a JSON file that holds `keys` of these types; without a digest, it is believed."""
    with refusing(path, remedy):
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it holds no mapping")
        digest = values.pop("digest", None)
        if digest is not None and digest != _digest([json.dumps(values).encode()]):
            raise ValueError("it is not what was written: damaged, or edited by hand")
        wrong = [key for key, kind in keys.items() if not isinstance(values.get(key), kind)]
        if wrong:
            raise ValueError(f"it lacks {', '.join(wrong)}")
        return values


def write_table(path: Path, rows: pl.DataFrame | pl.LazyFrame, origin: Mapping[str, Any] | None = None) -> None:
    """Write a Parquet file in one step, with schema version, digest and `origin`: where its rows come from.

    The digest is over the file's name and all of its bytes, with zeros in the place of the digest itself. Lazy rows
    are written as they come, in the same bytes however they come.
    """
    metadata = {_VERSION_KEY: SCHEMA_VERSION}
    if origin is not None:
        metadata[_ORIGIN_KEY] = json.dumps(origin)
    metadata[_DIGEST_KEY] = _MARK.decode() + "0" * _DIGITS  # the last one, where it is looked for
    with atomic(path) as temporary, open(temporary, "wb+") as file:
        rows.lazy().sink_parquet(
            file, compression="zstd", metadata=metadata, row_group_size=ROW_GROUP, engine="streaming"
        )
        place = _digest_place(file)
        digest = _table_digest(path, file, place)
        file.seek(place)
        file.write(digest.encode())


def _digest_place(file: BinaryIO) -> int:
    """Return where the digest of a Parquet file begins, 0 if it has none."""
    start = max(0, file.seek(0, os.SEEK_END) - _TAIL)
    file.seek(start)
    mark = file.read().rfind(_MARK)  # from the end, where it is
    return start + mark + len(_MARK) if mark >= 0 else 0


def _table_digest(path: Path, file: BinaryIO, place: int) -> str:
    size = file.seek(0, os.SEEK_END)
    before, after = _pieces(file, 0, place), _pieces(file, place + _DIGITS, size)
    return _digest(itertools.chain([os.fsencode(path.name)], before, [b"0" * _DIGITS], after))


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    for place in range(start, end, _PIECE):
        yield file.read(min(_PIECE, end - place))


def read_table(path: Path, remedy: str = MERGE_AGAIN, name: str | None = None) -> pl.DataFrame:
    """Return a Parquet table of a results folder; a missing, damaged or foreign file is refused.

    `name` is the experiment to which it has to belong.
    """
    if not os.path.lexists(path):
        raise UserError(f"{path}: no such file; run or merge the experiment first")
    with refusing(path, remedy):
        raw, origin = read_verified(path)
        if name is not None and origin.get("name", name) != name:
            raise ValueError(f"it belongs to the experiment {origin['name']!r}, not {name!r}")
        return pl.read_parquet(raw)


def read_verified(path: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of a Parquet file and its origin; raise an error where they are not what was written."""
    raw = path.read_bytes()
    return raw, _verified(path, io.BytesIO(raw))


def scan_table(path: Path) -> pl.LazyFrame:
    """Return the rows of a Parquet table of a results folder, verified now and read when they are needed."""
    with refusing(path, MERGE_AGAIN), open(path, "rb") as file:  # polars takes no path that the locale cannot decode
        _verified(path, file)
        file.seek(0)
        return pl.scan_parquet(file)


def _verified(path: Path, file: BinaryIO) -> dict[str, Any]:
    """Return the origin of a Parquet file; raise an error where it is not what was written under its name."""
    place = _digest_place(file)
    file.seek(place)
    if place and file.read(_DIGITS) != _table_digest(path, file, place).encode():
        raise ValueError("it is not what was written under this name: damaged, or another file")
    file.seek(0)
    metadata = pl.read_parquet_metadata(file)
    version = metadata.get(_VERSION_KEY)
    if version not in READ_VERSIONS:
        raise ValueError(f"schema version {version}, this relubench reads {READ_VERSIONS[0]} to {READ_VERSIONS[-1]}")
    if version != UNSIGNED_VERSION and not place:
        raise ValueError("its digest is damaged")
    return json.loads(metadata.get(_ORIGIN_KEY, "{}"))


class Checkpoint(NamedTuple):
    """The states of some runs at one step."""

    run_ids: np.ndarray  # [runs]
    origin: str  # who can go on from it
    step: int
    leaves: list[np.ndarray]  # each [runs, ...]


def write_checkpoint(path: Path, saved: Checkpoint) -> None:
    """Write a checkpoint as an .npz file under any name."""
    arrays: dict[str, Any] = {f"leaf{n}": leaf for n, leaf in enumerate(saved.leaves)}
    arrays |= {"run_ids": saved.run_ids, "step": saved.step, "origin": saved.origin}
    with open(path, "wb") as file:
        np.savez(file, digest=_checkpoint_digest(saved), **arrays)


def read_checkpoint(path: Path, states: bool = True) -> Checkpoint:
    """Return the checkpoint in a file; raise an error, of whatever kind, where it is not what was written.

    Without its `states` it is read quickly, has no leaves, and is not verified.
    """
    with open(path, "rb") as file, np.load(file) as arrays:
        if not states:
            return Checkpoint(arrays["run_ids"], str(arrays["origin"]), int(arrays["step"]), [])
        leaves = [arrays[f"leaf{n}"] for n in range(sum(name.startswith("leaf") for name in arrays.files))]
        saved = Checkpoint(arrays["run_ids"], str(arrays["origin"]), int(arrays["step"]), leaves)
        if str(arrays["digest"]) != _checkpoint_digest(saved):
            raise ValueError("its digest is another one")
        return saved


def _checkpoint_digest(saved: Checkpoint) -> str:
    pieces: list[Any] = [f"{saved.origin} {saved.step}".encode()]
    for array in (saved.run_ids, *saved.leaves):
        pieces.append(f"{array.dtype.kind}{array.dtype.itemsize} {array.shape}".encode())
        pieces.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return _digest(pieces)
