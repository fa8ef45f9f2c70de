"""Packs verify.pyz: one file, the same bytes from the same source on any machine.

python3 tools/verify/build.py [verify.pyz]
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PACKAGE = "airferry_verify"
_START = b"#!/usr/bin/env python3\n"
_MAIN = f"import sys\n\nfrom {PACKAGE}.__main__ import main\n\nsys.exit(main())\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def packed() -> bytes:
    """The bytes of verify.pyz. Stored, not deflated: zlib's output differs between builds."""
    files = {"__main__.py": _MAIN.encode()}
    for path in sorted((HERE / PACKAGE).glob("*.py")):
        files[f"{PACKAGE}/{path.name}"] = path.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _LONG_AGO)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, data)
    return _START + buffer.getvalue()


def main(arguments: list[str]) -> int:
    """Write the file; 0."""
    path = Path(arguments[0] if arguments else "verify.pyz")
    path.write_bytes(packed())
    path.chmod(0o755)
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
