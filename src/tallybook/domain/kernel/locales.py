"""Locales: in which language, and by whose habits, something is written for a reader."""

from __future__ import annotations

import re

from tallybook.domain.kernel.errors import Invalid

_TAG = re.compile(r"([A-Za-z]{2})(?:-([A-Za-z]{4}))?(?:-([A-Za-z]{2}|\d{3}))?")

_CODES = (
    "aa ab af ak am an ar as az ba be bg bm bn bo br bs ca ce co cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fo fr fy ga gd gl gn gu gv ha he hi hr ht hu hy ia id ie ig "
    "ii io is it iu ja jv ka ki kk kl km kn ko ks ku kw ky la lb lg ln lo lt lu lv mg mi mk "
    "ml mn mr ms mt my nb nd ne nl nn no nr nv ny oc om or os pa pl ps pt qu rm rn ro ru rw "
    "sa sc sd se sg si sk sl sn so sq sr ss st su sv sw ta te tg th ti tk tn to tr ts tt ug "
    "uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)

LANGUAGES = frozenset(_CODES.split())
"""Languages whose dates, numbers and names of currencies can be written (ISO 639-1)."""


def checked_locale(text: str, *, field: str = "locale") -> str:
    """A BCP 47 tag of a language, and where wanted a script and a region, in its usual case.

    >>> checked_locale("zh-hant-tw")
    'zh-Hant-TW'
    """
    match = _TAG.fullmatch(text)
    language = match[1].lower() if match else ""
    if match is None or language not in LANGUAGES:
        raise Invalid(
            "unknown_locale",
            f"{text[:40]!r} is not a locale that can be written.",
            field=field,
            mend="Send a language, or a language and a region, such as sv or en-GB.",
        )
    script, region = match[2], match[3]
    return "-".join(
        part for part in (language, script and script.title(), region and region.upper()) if part
    )
