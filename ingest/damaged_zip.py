"""What Python's zip reader raises on a damaged or hostile archive."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from typing import Final

DAMAGED_ZIP: Final = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,  # a member says that it is packed so
    struct.error,
    EOFError,
    OSError,
    ValueError,  # "negative seek value": a directory that points before the file
    NotImplementedError,  # a way of packing that zipfile cannot unpack
    RuntimeError,  # encrypted
    OverflowError,
)
