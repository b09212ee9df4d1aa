"""The last steps of an extraction: the output is made, and put into its place in one step.

Every step can be the last one before a kill, and is taken again, or left out, by the next run.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from alexnet_cy.extraction.formats import folder as folder_format
from alexnet_cy.extraction.formats.choose import Format
from alexnet_cy.extraction.manifest import check_same_job
from alexnet_cy.machine.output_files import check_outputs
from alexnet_cy.machine.replace_file import move_into_place

if TYPE_CHECKING:
    from alexnet_cy.extraction.formats.finished import Finished
    from alexnet_cy.extraction.items import Collection
    from alexnet_cy.extraction.unfinished import Unfinished

__all__ = ["check_place", "finish", "finish_folder"]

WHOLE, BESIDE = "whole", "beside"  # names in the unfinished folder, before they get their own


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
    metadata = folder_format.read_metadata(folder)
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
