"""Pack the built book into one zip to take along: `python tools/offline_zip.py [TARGET]`.

Unpacked, its `index.html` opens the book from disk: no server, no network.  The same pages
give the same file: names are sorted, and every time is that of the release.
"""

import argparse
import sys
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
BUILT = ROOT / "_build" / "html"
FOLDER = "adam_course"
# For building and for search engines, not for readers.  The sources stay: they are the notebooks.
LEFT_OUT = (".buildinfo", "objects.inv", "sitemap.xml", "downloads")


def members(built):
    """The files to pack, by their names in the zip."""
    found = {
        path.relative_to(built).as_posix(): path
        for path in built.rglob("*")
        if path.is_file()
        and path.relative_to(built).parts[0] not in LEFT_OUT
        and not path.name.endswith("webpack-macros.html")  # the theme's, for its own templates
    }
    if "index.html" not in found:
        raise FileNotFoundError(f"{built / 'index.html'} is not there: build the book first")
    return found | {"LICENSE": ROOT / "LICENSE"}


def pack(built, target, date):
    """Write the zip, which is put in place when it is whole.

    Parameters
    ----------
    built, target : Path
    date : datetime.date
        That every file gets.
    """
    stamp = (date.year, date.month, date.day, 0, 0, 0)
    beside = target.with_name(f".{target.name}.unfinished")
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, path in sorted(members(built).items()):
                entry = zipfile.ZipInfo(f"{FOLDER}/{name}", stamp)
                entry.external_attr = 0o644 << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes(), compresslevel=9)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    target = ROOT / "_build" / "adam_course.zip"
    parser.add_argument("target", type=Path, nargs="?", default=target)
    target = parser.parse_args(argv).target
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    try:
        pack(BUILT, target, citation["date-released"])
    except FileNotFoundError as error:
        sys.exit(f"The book was not packed: {error}")
    print(f"The book is packed: {target}")


if __name__ == "__main__":
    main()
