"""Roboflow's small YAML: what is wrong with it, where, before it is sent."""

from __future__ import annotations

import pytest

from trainer_tui.core.small_starters import for_folder
from trainer_tui.core.templates import SMALL, TEMPLATES, same_shape, templates_for
from trainer_tui.core.yamlconfig import check
from trainer_tui.errors import UsageError
from trainer_tui.providers._roboflow_config import Wanted

GOOD = "project: carts\nversion: 3\nmodel_type: rfdetr-nas\nepochs: 20\nspeed: fast\n"


def problems(text: str) -> list[tuple[int, str, str]]:
    """Line, code and message of each problem."""
    return [(p.line, p.code, p.message) for p in check(text, provider="roboflow")]


def test_what_the_service_takes_is_not_objected_to() -> None:
    """The keys that there are, with and without the workspace; the provider reads the same."""
    for text in (GOOD, "project: shop/carts\nversion: '3'\n", "workspace: shop\n" + GOOD):
        assert problems(text) == []
        Wanted.parse(text)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("projct: carts\nversion: 1\n", 1, "did you mean"),
        ("project: carts\n", 1, "version is missing"),
        ("version: 1\n", 1, "project is missing"),
        ("- a\n", 1, "write project and version"),
        ("project: carts\nversion: [1]\n", 2, "a number is expected"),
        ("project: carts\nversion: 1\nepochs: many\n", 3, "a whole number is expected"),
        ("project: carts\nversion: 1\nepochs: 0\n", 3, "from 1 to 100,000"),
        ("project: carts\nversion: 1\nmodel_type: 7\n", 3, "a text is expected"),
        ("project: my-project\nversion: 1\n", 1, "the template's word"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, said: str) -> None:
    """The provider refuses it as well, but for the word that only a person can put right."""
    found = problems(text)
    assert any(where == line and said in message for where, _, message in found), found
    if "my-project" not in text:
        with pytest.raises(UsageError):
            Wanted.parse(text)


def test_each_service_has_texts_to_begin_from() -> None:
    """They hold nothing that the rules object to but the names that a person must fill in."""
    assert [t.id for t in templates_for("roboflow")] == ["roboflow", "roboflow-nas"]
    assert [t.id for t in templates_for("kaos")] == ["kaos"]
    assert templates_for("local") == list(TEMPLATES) and len(templates_for(None)) == 7
    for template in SMALL:
        (name,) = template.providers
        found = check(template.text(name), provider=name)
        assert len(found) == 1 and found[0].code.startswith("provider-"), (template.id, found)


def test_a_config_means_something_to_services_of_its_shape_only() -> None:
    """RunComfy and the local server take each other's; the others only their own."""
    assert same_shape("local", "runcomfy") and same_shape("kaos", "kaos")
    assert not same_shape("kaos", "roboflow") and not same_shape("local", "kaos")


def test_the_text_of_a_folder_quotes_its_path() -> None:
    """Any path is one YAML value."""
    import yaml

    assert yaml.safe_load(for_folder("/a b/it's: #1"))["bundle"] == "/a b/it's: #1"
