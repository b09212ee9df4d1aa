"""The last steps of an extraction: the output is made, and put into its place in one step.

Every step can be the last one before a kill, and is taken again, or left out, by the next run.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alexnet_cy.extraction.formats import folder as folder_format
from alexnet_cy.extraction.formats.choose import FORMATS, Format
from alexnet_cy.extraction.journal import JOURNAL
from alexnet_cy.extraction.manifest import check_same_job
from alexnet_cy.extraction.unfinished import BESIDE, MANIFEST, WHOLE
from alexnet_cy.images.batches import SkippedImage
from alexnet_cy.machine.output_files import check_outputs
from alexnet_cy.machine.replace_file import move_into_place

if TYPE_CHECKING:
    from alexnet_cy.extraction.formats.finished import Finished
    from alexnet_cy.extraction.items import Collection
    from alexnet_cy.extraction.unfinished import Unfinished

__all__ = [
    "check_place",
    "check_unfinished",
    "finish",
    "finish_folder",
    "metadata_of",
    "skipped_of",
]

MARKS = (MANIFEST, f"{MANIFEST}.new", JOURNAL, folder_format.METADATA_FILE)
"""Names of which the folder of an unfinished extraction has one at every moment."""


def check_place(output: str, kind: Format, collection: Collection, may_exist: bool) -> bool:
    """Make sure that the output may be written.

    Returns
    -------
    bool
        Whether something is there.

    Raises
    ------
    FileExistsError
        Something is there, and must not be replaced, or is one of the images.
    OSError
        As for `machine.output_files.check_outputs`.
    """
    if kind.is_folder:
        return _check_folder(output, may_exist)
    read = [item for item in collection.items if isinstance(item, (str, os.PathLike))]
    existing = check_outputs(kind.files(output), read)
    if existing and not may_exist:
        raise FileExistsError(
            errno.EEXIST, "exists already; overwrite=True (--overwrite) replaces it", existing[0]
        )
    return output in existing


def check_unfinished(folder: str) -> None:
    """Make sure that a folder, where it is there, is an extraction's and holds nothing else.

    Raises
    ------
    FileExistsError
        It is something else, which would be written over.
    """
    if not os.path.lexists(folder):
        return
    advice = "move it away, or take another output"
    if os.path.islink(folder) or not os.path.isdir(folder):
        raise FileExistsError(errno.EEXIST, f"is no folder of an extraction; {advice}", folder)
    names = os.listdir(folder)
    if names and not any(mark in names for mark in MARKS):
        raise FileExistsError(errno.EEXIST, f"is a folder of other things; {advice}", folder)
    for name in names:
        path = os.path.join(folder, name)
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, f"is no file of an extraction; {advice}", path)


def metadata_of(kind: Format, output: str) -> dict[str, Any]:
    """Read the metadata of an output that is there.

    Raises
    ------
    ImportError
        Its library is missing.
    OSError
        It cannot be read, or is not what an extraction writes.
    """
    try:
        metadata: dict[str, Any] = kind.module.read_metadata(output)
        skipped_of(metadata)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # what NumPy, zipfile, h5py and others raise is no short list
        raise OSError(
            f"{output}: is there already, and is not the output of an extraction, or damaged: "
            f"{error}; overwrite=True (--overwrite) replaces it"
        ) from error
    return metadata


def skipped_of(metadata: Mapping[str, Any]) -> list[SkippedImage]:
    """Return the images that an extraction has skipped, as its metadata list them."""
    return [SkippedImage(one["index"], one["file"], one["error"]) for one in metadata["skipped"]]


def _check_folder(output: str, may_exist: bool) -> bool:
    parent = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(parent):
        raise FileNotFoundError(errno.ENOENT, f"there is no folder {parent}", output)
    if not os.path.lexists(output):
        return False
    if not os.path.isdir(output) or os.path.islink(output):
        raise FileExistsError(errno.EEXIST, "is no folder; choose another name", output)
    if not os.listdir(output):
        return False
    if not os.path.isfile(os.path.join(output, folder_format.METADATA_FILE)):
        raise FileExistsError(
            errno.EEXIST, "is a folder of other things; name one that is not there", output
        )
    if not may_exist:
        raise FileExistsError(
            errno.EEXIST, "exists already; overwrite=True (--overwrite) replaces it", output
        )
    return True


def finish(
    unfinished: Unfinished,
    kind: Format,
    output: str,
    overwrite: bool,
    finished: Finished,
) -> None:
    """Make the output from complete rows, put it into its place, and remove the folder."""
    if kind.is_folder:
        folder_format.complete(finished, unfinished.folder)
        unfinished.close()
        folder_format.clear(unfinished.folder)
        _put_folder(unfinished.folder, output, overwrite)
        return
    whole, beside = unfinished.path(WHOLE), unfinished.path(BESIDE)
    if not unfinished.progress.packed:
        kind.module.write(finished, whole)
        _sync(whole)
        if len(kind.files(output)) > 1:
            kind.module.write_beside(finished, beside)
            _sync(beside)
        unfinished.mark_packed()
    elif not (os.path.exists(whole) or os.path.exists(output)):
        raise OSError(
            f"{unfinished.path(JOURNAL)}: is damaged: {output} is complete, it says, and is not "
            f"there; delete {unfinished.folder}"
        )
    if os.path.exists(beside):
        move_into_place(beside, kind.files(output)[1], overwrite=overwrite)
    if os.path.exists(whole):
        move_into_place(whole, output, overwrite=overwrite)
    unfinished.remove()


def finish_folder(
    output: str, folder: str, manifest: Mapping[str, object], overwrite: bool
) -> bool:
    """Put a folder into its place that an earlier run completed; return whether there was one."""
    if not os.path.exists(os.path.join(folder, folder_format.METADATA_FILE)):
        return False
    metadata = metadata_of(FORMATS[""], folder)
    old = {key: metadata.get(key) for key in manifest}
    check_same_job(old, manifest, folder, "delete that folder, or take another output")
    folder_format.clear(folder)
    _put_folder(folder, output, overwrite)
    return True


def _put_folder(folder: str, output: str, overwrite: bool) -> None:
    output = output.rstrip(os.sep)
    if overwrite and os.path.isdir(output) and os.listdir(output):
        old = f"{output}.{secrets.token_hex(4)}.old"
        os.rename(output, old)
        os.rename(folder, output)
        shutil.rmtree(old)
    else:
        os.rename(folder, output)  # an empty folder gives way, any other is an error


def _sync(path: str) -> None:
    """Wait until a file is on the disk itself."""
    with open(path, "rb") as stream:
        os.fsync(stream.fileno())
