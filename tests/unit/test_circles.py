"""No module imports itself by way of others, lazily or for types alone."""

from __future__ import annotations

import ast
from pathlib import Path

import bycatch

ROOT = Path(bycatch.__file__).parent


def imports(path: Path, modules: set[str]) -> set[str]:
    """Return the modules of bycatch that a file imports anywhere, functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name is a module of its own, or stands in the one that it is imported from.
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in modules else node.module)
    return found & modules


def graph() -> dict[str, set[str]]:
    paths = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found = {name: imports(path, set(paths)) - {name} for name, path in paths.items()}
    # The package itself names its public classes lazily; rooms take only its version.
    found["bycatch"] = set()
    return found


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected parts of more than one module (Tarjan, without recursion)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []
    for root, first in arrows.items():
        work = [] if root in number else [(root, iter(sorted(first)))]
        for start, _ in work:
            number[start] = low[start] = len(number)
            stack.append(start)
        while work:
            node, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    at = stack.index(node)
                    part, stack[at:] = stack[at:], []
                    if len(part) > 1:
                        found.append(sorted(part))
            elif following not in number:
                number[following] = low[following] = len(number)
                stack.append(following)
                work.append((following, iter(sorted(arrows[following]))))
            elif following in stack:
                low[node] = min(low[node], number[following])
    return found


def test_no_circles():
    assert circles(graph()) == []


def test_circles_are_found():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a", "d2"}, "d2": {"d"}}
    assert circles(arrows) == [["b", "c"], ["d", "d2"]]
    assert len(graph()) > 300
