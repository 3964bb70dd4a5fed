"""Install a package from the company's private index. It takes the token of an employee.

python index/install.py PACKAGE --target FOLDER [--token-file FILE]

The token is in a file (/run/secrets/token unless --token-file says otherwise), or in the variable
TOKEN. (This exercise has no network: here the index is the folder of this program.)
"""

import argparse
import os
import re
import sys
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).parent


def valid(token: str) -> bool:
    """Return whether it is a token: parcel_, 16 digits, and the check digits of those."""
    found = re.fullmatch(r"parcel_([0-9a-f]{16})_([0-9a-f]{8})", token)
    return bool(found) and int(found[2], 16) == zlib.crc32(found[1].encode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, default=Path("/run/secrets/token"))
    options = parser.parse_args()
    try:
        token = options.token_file.read_text(encoding="utf-8").strip()
    except OSError:
        token = os.environ.get("TOKEN", "")
    if not token:
        sys.exit(f"index: no token, neither in {options.token_file} nor in TOKEN")
    if not valid(token):
        sys.exit("index: this token is not valid")
    archive = HERE / f"{options.package}.zip"
    if not archive.is_file():
        sys.exit(f"index: there is no package {options.package}")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(options.target)
    print(f"index: {options.package} installed into {options.target}")


main()
