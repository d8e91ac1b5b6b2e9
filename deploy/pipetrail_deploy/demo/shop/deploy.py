"""Deploy the shop: unpack ARCHIVE and put its page in place of what FOLDER serves."""

import sys
import tarfile
from pathlib import Path

if __name__ == "__main__":
    archive, folder = Path(sys.argv[1]), Path(sys.argv[2])
    with tarfile.open(archive) as tar:
        page = tar.extractfile("index.html")
        if page is None:
            sys.exit(f"{archive} holds no index.html")
        content = page.read()
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "index.html.new"
    fresh.write_bytes(content)
    fresh.replace(folder / "index.html")  # in one step: nobody is served half a page
    print(f"deployed {archive.name} to {folder}")
