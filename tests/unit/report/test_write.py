"""What every page says beside its verb's own words."""

from __future__ import annotations

from dataclasses import dataclass

from bycatch.report.write import entries, write_page
from bycatch.tasks import Result

TEMPLATE = """\
{% extends "base.html.j2" %}
{% from "macros.html.j2" import reproduce_from %}
{% block content %}
<p>{{ words }}</p>
{% call reproduce_from(command, versions, result.config.seed, settings) %}
<pre>{{ citations | join("\\n") }}</pre>
{% endcall %}
{% endblock %}
"""


@dataclass(frozen=True, repr=False)
class Found(Result):
    config: dict
    citations: tuple = ("bycatch", "bycatch", "no-such-paper")


def test_templates_of_another_package_stand_on_the_common_frame(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/own.html.j2").write_text(TEMPLATE)
    found = Found({"seed": 3, "window": (1.0, 2.0)})
    path = write_page(
        "own.html.j2",
        found,
        tmp_path,
        "own <verb>",
        templates=tmp_path / "templates",
        words="a < b",
    )
    text = path.read_text()
    assert path == tmp_path / "report.html"
    assert "<p>a &lt; b</p>" in text
    assert "<pre>own &lt;verb&gt;</pre>" in text
    assert "window: [1.0, 2.0]" in text
    assert "<dt>torch</dt>" in text
    assert "<code>3</code>" in text
    assert text.count("@misc{bycatch") == 1


def test_a_key_of_another_version_is_said_to_be_unknown():
    assert entries(["no-such-paper"]) == ["% no-such-paper: bycatch holds no entry for this key"]
