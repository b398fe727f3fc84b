"""Count lines of code, docstrings and comments: what the tree costs to read.

    python benchmarks/count_code.py [FOLDER OR FILE ...]      # src/bycatch by default

Code is every line that is not blank, not a comment and not part of a docstring (a bare string after
a definition or an assignment). `says` counts those lines of code that hold nothing but the sentence
of an option: documentation in the form of code, counted as code.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("lines", "code", "docstring", "comment", "blank", "says")


def count(path: Path) -> Counter[str]:
    """Return the number of lines of each kind in one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    documented = {
        row
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for row in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    sentences: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg in {"says", "description"}:
            value = node.value
            sentences |= set(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    comments = 0
    alone: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            comments += 1
            if not lines[token.start[0] - 1][: token.start[1]].strip():
                alone.add(token.start[0])
    blank = {row for row, line in enumerate(lines, 1) if not line.strip()} - documented
    code = len(lines) - len(documented) - len(alone) - len(blank)
    return Counter(
        lines=len(lines),
        code=code,
        docstring=len(documented),
        comment=comments,
        blank=len(blank),
        says=len(sentences),
        files=1,
    )


def main(arguments: list[str]) -> None:
    """Print a row per argument and the shares of the total."""
    places = [Path(word) for word in arguments] or sorted(
        p for p in (ROOT / "src/bycatch").iterdir() if p.suffix == ".py" or p.is_dir()
    )
    total: Counter[str] = Counter()
    print(f"{'':32}{'files':>7}" + "".join(f"{kind:>11}" for kind in KINDS))
    for place in places:
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        found = sum((count(path) for path in files), Counter())
        if found:
            print(row(str(place.name), found))
        total += found
    print(row("all", total))
    print(
        f"docstrings {total['docstring'] / total['lines']:.1%}, "
        f"comments {total['comment'] / total['lines']:.1%} of all lines"
    )


def row(name: str, found: Counter[str]) -> str:
    """Return one row of the table."""
    return f"{name:32}{found['files']:7}" + "".join(f"{found[kind]:11,}" for kind in KINDS)


if __name__ == "__main__":
    main(sys.argv[1:])
