"""Which Maven repository to download from: Central, or the mirror of it that the user's Maven settings name.

Format: https://maven.apache.org/guides/mini/guide-mirror-settings.html (`<mirrorOf>` patterns). Credentials for a mirror are
taken from the user's netrc file, and proxies from the usual environment variables, by the HTTP client.
"""

from pathlib import Path
from xml.etree import ElementTree as ET

from pipetrail_schemas.errors import SettingError

CENTRAL = "central"


def mirror_url(settings: Path) -> str | None:
    """The URL of the first mirror in `settings` (the user's ~/.m2/settings.xml) that stands in for Central, if any.

    Raises:
        SettingError: the file is there and cannot be read.
    """
    try:
        root = ET.parse(settings).getroot()  # noqa: S314 - the user's own settings, read with the user's own rights
    except FileNotFoundError:
        return None
    except (OSError, ET.ParseError) as exc:
        raise SettingError(str(settings), f"cannot be read as Maven settings: {exc}") from exc
    for mirror in root.iterfind("{*}mirrors/{*}mirror"):
        url = mirror.findtext("{*}url", "").strip()
        if url and mirrors_central(mirror.findtext("{*}mirrorOf", "")):
            return url.rstrip("/")
    return None


def mirrors_central(patterns: str) -> bool:
    """Whether a `<mirrorOf>` text covers Central, which is external and spoken to over https."""
    names = {name.strip() for name in patterns.split(",")}
    return f"!{CENTRAL}" not in names and bool(names & {"*", "external:*", CENTRAL})
