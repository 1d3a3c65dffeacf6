"""Pages that stand alone: one file without scripts or outside parts, readable in light and dark and on paper.

Everything that is not :class:`Html` is escaped, so texts of a user's data can never become markup.

>>> text = page("Check of incidents", "Springfield, 1,200 rows", [
...     banner("caution", "Usable with care", "Midnight stands for an unknown time in 3 categories."),
...     heading("What was found"),
...     table(("Check", "Rows"), [("Midnight", 1799)]),
...     figure(svg, "Incidents per month"),
... ])
"""

from __future__ import annotations

import html as _html
import re
from collections.abc import Iterable, Sequence

import numpy as np

LEVELS = ("good", "note", "caution", "stop")
"""Tones of banners and chips, from all is well to do not go on."""

_LONG = 60  # characters of a cell that is not to become a narrow column on a small screen

_CSS = """
:root{color-scheme:light dark;--ink:#1d2329;--soft:#5b6670;--line:#d9dee3;--paper:#fff;--panel:#f5f7f9;
--good:#1f7a4d;--note:#3a6ea5;--caution:#96600a;--stop:#b3261e;--good-bg:#e8f5ee;--note-bg:#eaf1f8;--caution-bg:#fdf3e0;--stop-bg:#fcebea}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b0;--line:#363d45;--paper:#15191d;--panel:#1d2227;
--good:#6cc799;--note:#86b3e0;--caution:#e3b05c;--stop:#f2938c;--good-bg:#15291f;--note-bg:#17232f;--caution-bg:#2c2312;--stop-bg:#331a18}}
*{box-sizing:border-box}
body{margin:0 auto;padding:2.2rem 1.4rem 4rem;max-width:62rem;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
.sub,footer,figcaption,caption{color:var(--soft)}.sub{margin:0 0 1.4rem}p,li{max-width:46rem}
p{margin:.5rem 0}ul{padding-left:1.2rem}li{margin:.3rem 0}
.banner{border-left:5px solid;border-radius:4px;padding:.8rem 1.1rem;margin:1.2rem 0}
.banner strong{display:block;font-size:1.1rem}
.banner p{margin:.2rem 0 0;color:var(--ink)}
.good{color:var(--good);background:var(--good-bg)}.note{color:var(--note);background:var(--note-bg)}
.caution{color:var(--caution);background:var(--caution-bg)}.stop{color:var(--stop);background:var(--stop-bg)}
.chip{display:inline-block;border-radius:9px;padding:0 .6em;font-size:.85em;font-weight:600;white-space:nowrap}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin:1.2rem 0}
.facts div{background:var(--panel);border-radius:4px;padding:.6rem .8rem}.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto;margin:0 0 1.4rem}table{border-collapse:collapse;width:100%;font-size:.92rem}
caption{text-align:left;padding-bottom:.3rem}
th,td{padding:.4rem .7rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);border-bottom-width:2px;white-space:nowrap}
td{overflow-wrap:break-word}td small{display:block;color:var(--soft);font-size:.95em;margin-top:.15rem}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}th.num{padding-right:.7rem}
.dense table{font-size:.76rem}.dense td,.dense th{padding:.25rem .45rem .25rem 0}
.dense th{white-space:normal;min-width:4.6em}.dense th small{display:block;font-weight:400}.dense .chip{padding:0 .4em}
.dense td small{font-size:.9em}
.dense tr>:first-child{position:sticky;left:0;background:var(--paper);color:var(--soft);font-weight:600;
padding-right:.6rem;min-width:7em}
.fold{border-top:1px solid var(--line)}.fold summary{cursor:pointer;padding:.55rem 0;font-weight:600}
.fold summary:hover{color:var(--note)}.folded{padding-bottom:.6rem}
@media screen{.fold:not([open])+.folded,.on-paper{display:none}}
figure{margin:1.2rem 0}figure svg{width:100%;height:auto;display:block}figcaption{font-size:.88rem;margin-top:.3rem}
footer{margin-top:3rem;padding-top:.8rem;border-top:1px solid var(--line);font-size:.85rem}
@media (max-width:44rem){figure{overflow-x:auto}figure svg{min-width:42rem}td.long{min-width:15rem}}
@media print{@page{margin:16mm}html{font-size:9.6pt}
:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--panel:#f5f5f5;
--good:#1f7a4d;--note:#3a6ea5;--caution:#96600a;--stop:#b3261e;--good-bg:#fff;--note-bg:#fff;--caution-bg:#fff;--stop-bg:#fff}
body{padding:0;max-width:none;font-size:9pt}h2,h3{break-after:avoid}figure,tr,.banner{break-inside:avoid}
thead{display:table-header-group}
.fold{display:none}
.dense table{font-size:6.6pt}.dense th{min-width:0}.dense tr>:first-child{position:static;min-width:0}
.banner,.chip{border:1px solid;border-left-width:5px}.chip{border-left-width:1px}.wide{overflow:visible}}
"""


class Html(str):
    """Markup that is put on the page as it is."""


def page(title: str, subtitle: str, blocks: Iterable[Html], footer: str = "", language: str = "en") -> str:
    """A whole document of blocks made by the functions below."""
    return (
        f'<!DOCTYPE html>\n<html lang="{_html.escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{_text(title)}</title>\n'
        f"<style>{_CSS}</style>\n</head>\n<body>\n<header><h1>{_text(title)}</h1>"
        + (f'<p class="sub">{_text(subtitle)}</p>' if subtitle else "")
        + "</header>\n<main>\n"
        + "\n".join(blocks)
        + "\n</main>\n"
        + (f"<footer>{_text(footer)}</footer>\n" if footer else "")
        + "</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> Html:
    """A heading of level 2 or 3."""
    return Html(f"<h{level}>{_text(text)}</h{level}>")


def paragraph(text: object) -> Html:
    """A paragraph."""
    return Html(f"<p>{_text(text)}</p>")


def bullets(texts: Iterable[object]) -> Html:
    """A list."""
    return Html("<ul>" + "".join(f"<li>{_text(text)}</li>" for text in texts) + "</ul>")


def banner(level: str, title: str, text: str = "") -> Html:
    """A verdict in large letters; ``level`` is one of :data:`LEVELS`."""
    body = f"<p>{_text(text)}</p>" if text else ""
    return Html(
        f'<section class="banner {_level(level)}" role="status"><strong>{_text(title)}</strong>{body}</section>'
    )


def chip(level: str, text: str) -> Html:
    """A small coloured word for use in tables."""
    return Html(f'<span class="chip {_level(level)}">{_text(text)}</span>')


def stacked(text: object, below: object = "") -> Html:
    """A text with a softer one below it, for use in tables."""
    return Html(_text(text) + (f"<small>{_text(below)}</small>" if below else ""))


def facts(items: Iterable[tuple[str, object]]) -> Html:
    """A row of key figures: label and value each."""
    cells = "".join(f"<div><dt>{_text(label)}</dt><dd>{_value(value)}</dd></div>" for label, value in items)
    return Html(f'<dl class="facts">{cells}</dl>')


def fold(title: str, blocks: Iterable[Html]) -> Html:
    """Blocks that are shown when the title is clicked, and always on paper.

    They follow the element that opens and closes, instead of lying in it: not every browser can show what lies in a
    closed one by style alone, and so it would be missing on paper, where a heading stands for the element.
    """
    inside = "\n".join(blocks)
    return Html(
        f'<details class="fold"><summary>{_text(title)}</summary></details>\n'
        f'<div class="folded">\n<h3 class="on-paper">{_text(title)}</h3>\n{inside}\n</div>'
    )


def table(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    caption: str = "",
    numeric: Iterable[int] = (),
    dense: bool = False,
) -> Html:
    """A table. Integers get thousands separators; columns of numbers, and those listed in ``numeric``, align right.

    :param dense: many columns in small letters, whose first one stays in sight
    """
    lines = [list(row) for row in rows]
    right = set(numeric) | {
        i for i in range(len(headers)) if lines and all(isinstance(line[i], (int, float, np.number)) for line in lines)
    }
    head = "".join(f'<th scope="col"{_align(i, right)}>{_text(name)}</th>' for i, name in enumerate(headers))
    body = "".join("<tr>" + "".join(_cell(i in right, v) for i, v in enumerate(line)) + "</tr>\n" for line in lines)
    title = f"<caption>{_text(caption)}</caption>" if caption else ""
    kind = "wide dense" if dense else "wide"
    return Html(
        f'<div class="{kind}"><table>{title}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'
    )


def figure(svg: str, caption: str = "") -> Html:
    """A picture as inline SVG; ``caption`` also tells screen readers what it shows."""
    drawing = re.sub(r"^.*?(?=<svg\b)", "", svg, count=1, flags=re.DOTALL)
    drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{_html.escape(caption)}"', 1)
    words = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    return Html(f"<figure>{drawing}{words}</figure>")


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: "a, b and c"."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def _level(level: str) -> str:
    if level not in LEVELS:
        raise ValueError(f"a level is one of {', '.join(LEVELS)}, not {level!r}")
    return level


def _cell(right: bool, value: object) -> str:
    text = _value(value)
    kind = ' class="num"' if right else ' class="long"' if len(text) > _LONG else ""
    return f"<td{kind}>{text}</td>"


def _align(column: int, right: set[int]) -> str:
    return ' class="num"' if column in right else ""


def _value(value: object) -> str:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return f"{value:,}"
    if isinstance(value, (float, np.floating)):
        return f"{value:,.3g}"
    return _text(value)


def _text(value: object) -> str:
    if isinstance(value, Html):
        return value
    return _html.escape(str(value), quote=False).replace(" %", "&nbsp;%")  # a number stays with its sign
