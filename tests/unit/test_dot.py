"""DOT as a tree: what a model was made of, drawn for a terminal."""

from __future__ import annotations

import pytest

from trainer_tui.core import dot

PROVENANCE = r"""
digraph provenance {
  rankdir=LR;  // from the left
  node [shape=box];
  "m1" [label="model m1"];
  "job 7" -> "m1";
  "code@ab" [label="code\nab"];
  "code@ab" -> "job 7" [label="built"];
  "data@cd" -> "job 7";
  "parameters" [label="lr=0.1"]; "parameters" -> "m1";
}
"""


def test_the_model_stands_on_top() -> None:
    """What everything leads to comes first, what it was made of below it."""
    assert dot.draw(PROVENANCE) == [
        "model m1",
        "├ job 7",
        "│ ├ code ab",
        "│ └ data@cd",
        "└ lr=0.1",
    ]


def test_the_arrows_may_point_the_other_way() -> None:
    """A service that draws from the model to its parts gives the same tree."""
    text = "digraph { model -> job -> {code data}; model -> params }"
    assert dot.draw(text, ascii_only=True) == [
        "model",
        "|- job",
        "|  |- code",
        "|  `- data",
        "`- params",
    ]


def test_a_node_that_is_shown_is_not_opened_again() -> None:
    """What two things have in common is named twice and opened once; circles come to an end."""
    lines = dot.draw("digraph { base -> raw; raw -> a -> m; raw -> b -> m }")
    assert lines == ["m", "├ a", "│ └ raw", "│   └ base", "└ b", "  └ raw (above)"]
    assert dot.draw("digraph { a -> b; b -> a; c -> c }") == ["c", "a", "└ b", "  └ a (above)"]


def test_subgraphs_ports_and_comments() -> None:
    """The rest of the language is passed over without losing a node."""
    text = """strict digraph "x" { subgraph cluster_0 { label="in"; a; b:p:n -> c /* here */ }
    # a line
    c -> d -> 1.5 [color=red, weight=2] graph [bgcolor=white]; d; }"""
    graph = dot.parse(text)
    assert list(graph.labels) == ["a", "b", "c", "d", "1.5"]
    assert list(graph.edges) == [("b", "c"), ("c", "d"), ("d", "1.5")]


@pytest.mark.parametrize("text", ["", "hello", "digraph {", "digraph { a -> }", "digraph { <b> }"])
def test_what_is_not_dot_is_shown_as_it_is(text: str) -> None:
    """No exception reaches the person; the text itself does."""
    with pytest.raises(ValueError):
        dot.parse(text)
    assert dot.draw(text) == text.splitlines()


def test_a_hostile_graph_is_harmless() -> None:
    """Escapes are taken out of labels; depth, width and size are bounded."""
    assert "\x1b" not in "".join(dot.draw('digraph { "a\x1b[2J" -> b }'))
    assert dot.draw("digraph " + "{" * 10_000)[0].startswith("digraph")
    chain = " -> ".join(f"n{number}" for number in range(4_000))
    assert dot.draw(f"digraph {{ {chain} }}")[-1] == "(there is more)"
    wide = "digraph {" + ";".join(f"n{n}" for n in range(9_999)) + "}"
    assert len(dot.draw(wide)) <= dot.MAX_LINES + 1
