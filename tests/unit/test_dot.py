"""Provenance in the DOT language becomes a tree of lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_tui.core import dot
from trainer_tui.errors import ProtocolError

PROVENANCE = """digraph provenance {
  rankdir=LR; node [shape=box, label="no node"];
  "m-0" [label="model m-0"];
  "job" [shape=box];
  "job" -> "m-0";
  "code@1" [label="code 1"]; "code@1" -> "job";
  data -> "job" [label="an edge's own"];
  "code@1" -> data; // shared
}"""


def test_what_it_was_made_from_is_below_it() -> None:
    """The model first, then what led to it; what is shared is drawn where it is used."""
    assert dot.tree(PROVENANCE) == [
        "model m-0",
        "└─ job",
        "   ├─ code 1",
        "   └─ data",
        "      └─ code 1",
    ]


def test_ascii() -> None:
    """Terminals without Unicode get the same tree."""
    assert dot.tree("digraph { b -> a; c -> a }", ascii_only=True) == ["a", "|- b", "`- c"]


def test_chains_subgraphs_ports_and_bare_words() -> None:
    """Edges in chains, inside subgraphs, with ports and without quotes are read."""
    text = "strict digraph G { subgraph cluster_1 { label=x; a -> b -> c:port:n; } a->d }"
    assert dot.tree(text) == ["c", "└─ b", "   └─ a", "d", "└─ a"]


def test_shared_branches_and_circles_end() -> None:
    """A branch that was told is not told again, and a circle is drawn once around."""
    text = "digraph { x -> s; s -> a; s -> b; a -> r; b -> r }"
    assert dot.tree(text)[-1] == "   └─ s (as above)"
    assert dot.tree("digraph { a -> b -> a }") == ["a", "└─ b", "   └─ a (as above)"]


def test_labels_are_safe() -> None:
    """Nothing in a label acts on the terminal."""
    assert dot.tree('digraph { a [label="x\x1b[31m\\ny"] }') == ["x y"]


def test_what_is_no_graph() -> None:
    """Other texts are refused in words."""
    for text in ("", "hello", "{}", "digraph", "[1, 2]"):
        with pytest.raises(ProtocolError):
            dot.tree(text)


def test_long_chains_and_many_lines_are_bounded() -> None:
    """A chain of thousands and a graph that unfolds to millions of lines stay small."""
    chain = "digraph { " + " -> ".join(f"n{i}" for i in range(3000)) + " }"
    assert len(dot.tree(chain)) < 100
    layers = "".join(
        f"a{i} -> a{i + 1}; a{i} -> b{i + 1}; b{i} -> a{i + 1}; b{i} -> b{i + 1};"
        for i in range(50)
    )
    assert len(dot.tree(f"digraph {{ {layers} }}")) < 500
    with pytest.raises(ProtocolError, match="nodes"):
        dot.tree("digraph { " + ";".join(f"n{i}" for i in range(6000)) + " }")


@given(st.text(alphabet='digraph {}[]<>"\\;,=:->\n#/*ab', max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever comes, there are lines or an error of ours."""
    try:
        lines = dot.tree("digraph {" + text)
    except ProtocolError:
        return
    assert all("\n" not in line for line in lines)
