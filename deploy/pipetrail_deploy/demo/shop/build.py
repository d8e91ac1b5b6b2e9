"""Build the shop: a page from the price list, packed into dist/shop.tar.gz.

The same sources give the same archive, byte for byte, so that its digest says what is in it.
"""

import gzip
import html
import io
import json
import tarfile
from pathlib import Path

import pricing

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Shop</title>
<h1>Shop</h1>
<ul>
{items}
</ul>
</html>
"""


def page() -> bytes:
    """The page as UTF-8."""
    goods = json.loads(Path("prices.json").read_text(encoding="utf-8"))
    items = [f"<li>{html.escape(one['name'])}: {pricing.show(pricing.total(one['cents'], 1))}</li>" for one in goods]
    return PAGE.format(items="\n".join(items)).encode()


def pack(name: str, content: bytes) -> bytes:
    """A tar.gz of one file, without the time and owner that would make every build another."""
    archive = io.BytesIO()
    with gzip.GzipFile(fileobj=archive, mode="wb", mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


if __name__ == "__main__":
    target = Path("dist/shop.tar.gz")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(pack("index.html", page()))
    print(f"built {target}: {target.stat().st_size} bytes")
