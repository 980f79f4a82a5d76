"""The report's Markdown as one HTML page that needs nothing else."""

import base64
import html
import re
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from metaseg.errors import InputError

TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}

STYLE = """
:root { color-scheme: light dark; --text: #1c2530; --soft: #56616e; --line: #d9dee4;
  --back: #ffffff; --card: #f5f7f9; --accent: #0f766e; }
@media (prefers-color-scheme: dark) { :root { --text: #e6eaef; --soft: #a9b4c0; --line: #323b46;
  --back: #12171d; --card: #1a2129; --accent: #5eead4; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 2.2rem 0 .8rem; }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .6rem; padding-top: .9rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
p, li { max-width: 46rem; }
a { color: var(--accent); }
nav ul { columns: 16rem; padding: .9rem 1.2rem .9rem 2.2rem; margin: 0; background: var(--card);
  border-radius: 10px; font-size: .92rem; }
code { font: .88em ui-monospace, monospace; background: var(--card); padding: .1em .3em;
  border-radius: 4px; }
pre { background: var(--card); padding: .8rem 1rem; border-radius: 8px; overflow-x: auto; }
pre code { padding: 0; background: none; }
.table { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
td:nth-child(n + 2) { white-space: nowrap; }
th:nth-child(n + 2), td:nth-child(n + 2) { padding-left: .5rem; }
thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
figure { margin: 1.2rem 0; }
figure img { display: block; max-width: 100%; height: auto; background: #fff; padding: .5rem;
  border: 1px solid var(--line); border-radius: 8px; }
figcaption, p > em:only-child { display: block; color: var(--soft); font-size: .88rem;
  font-style: normal; max-width: 46rem; margin-top: .4rem; }
@media print { body { font-size: 10pt; } nav { display: none; } h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; } .table { overflow: visible; } a { color: inherit; } }
"""


def to_html(markdown: str, folder: Path, anchors: bool = True) -> str:
    """``markdown`` as HTML without head or style; its pictures, whose paths are relative to
    ``folder``, become part of it. HTML in ``markdown`` is shown as text. Headings get an id unless
    ``anchors`` is off, for text that becomes part of another page. InputError where a picture is
    missing."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for before, token, after in zip(tokens, tokens[1:], tokens[2:]):
        if before.type == "heading_open" and anchors:
            before.attrSet("id", anchor(token.content))
        elif token.type == "inline" and token.children and token.children[0].type == "image":
            before.tag = after.tag = "figure"
            _make_figure(token.children, folder)
    text = parser.renderer.render(tokens, parser.options, {})
    # Wide tables scroll by themselves, also by keyboard.
    text = text.replace(
        "<table>", '<div class="table" tabindex="0" role="region" aria-label="Table"><table>'
    )
    return text.replace("</table>", "</table></div>")


def to_page(markdown: str, folder: Path, title: str) -> str:
    """The whole page: ``to_html`` with a head, a style and links to the sections."""
    names = re.findall(r"^## (.+)$", markdown, re.MULTILINE)
    links = "".join(f'<li><a href="#{anchor(n)}">{html.escape(n)}</a></li>' for n in names)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{_with_links(to_html(markdown, folder), links)}</main>
</body>
</html>
"""


def _with_links(text: str, links: str) -> str:
    """``text`` with the list of sections before the first of them."""
    head, mark, rest = text.partition("<h2")
    return f'{head}<nav aria-label="Sections"><ul>{links}</ul></nav>\n{mark}{rest}'


def section(markdown: str, title: str) -> str | None:
    """What stands under the heading ``title``, up to the next; None where there is no such one."""
    _, found, rest = f"\n{markdown}".partition(f"\n## {title}\n")
    return rest.partition("\n## ")[0].strip() if found else None


def anchor(heading: str) -> str:
    """What a link to ``heading`` ends with."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _make_figure(children: list[Token], folder: Path) -> None:
    """The picture's file into its address, and the emphasis after it into its caption."""
    path = folder / str(children[0].attrGet("src"))
    try:
        data = base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise InputError(f"The picture {path.name} is missing: make the report again.") from error
    children[0].attrSet("src", f"data:{TYPES[path.suffix]};base64,{data}")
    for child in children[1:]:
        if child.tag == "em":
            child.tag = "figcaption"
