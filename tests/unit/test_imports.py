"""Who may import whom, and what may be imported before the first frame."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import trainer_tui
from trainer_tui.config import provider_names

ROOT = Path(trainer_tui.__file__).parent
GROUND = {"model", "errors", "sanitize", "paths", "config", "query", "bundles"}
"""What everything may build on; a name with a suffix (``config_read``) belongs to it as well."""
MAY: dict[str, set[str]] = {
    "ground": {"ground"},
    "providers": {"ground", "providers"},
    "core": {"ground", "providers", "core"},
    "cli": {"ground", "providers", "core", "cli"},
    "tui": {"ground", "providers", "core", "tui"},
    "server": {"ground", "server"},
}
OUTSIDE = {
    "textual": {"tui"},
    "starlette": {"server"},
    "uvicorn": {"server"},
    "numpy": {"server"},
    "PIL": {"server"},
    "safetensors": {"server"},
    "multipart": {"server"},
    "httpx": {"providers", "cli"},  # cli: only to ask the local server whether it runs
}
"""Packages from outside → the parts that may use them, be it inside a function."""
DOORS: dict[tuple[str, str], str] = {
    (
        "cli",
        "tui",
    ): "no arguments, or `demo`, open the console, `view` a log; inside a function only",
    ("cli", "server"): "`serve` runs the server; inside a function only",
    ("__main__", "cli"): "the entry",
    ("__main__", "tui"): "the entry",
}
"""Ways across the parts that are meant, and why."""

COMMANDS = {"trainer_tui.cli.serve"}
"""Commands that are the server's own entry: loaded only when they are asked for."""


def part_of(module: str) -> str:
    """The part that a module of ours belongs to."""
    names = module.split(".")
    if len(names) < 2:
        return "ground"
    first = names[1]
    if first in {"providers", "core", "cli", "tui", "server", "themes", "__main__"}:
        return first
    if not first.startswith("__"):  # names of the package itself, as its version
        assert first.split("_")[0] in GROUND, f"{module} belongs to no part"
    return "ground"


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package."""
    for path in sorted(ROOT.rglob("*.py")):
        names = list(path.relative_to(ROOT.parent).with_suffix("").parts)
        if names[-1] == "__init__":
            names.pop()
        yield ".".join(names), path


@cache
def imports(path: Path) -> list[tuple[str, bool, bool]]:
    """What a file imports: (module, at module level, only for the type checker)."""
    found: list[tuple[str, bool, bool]] = []

    def walk(node: ast.AST, top: bool, typing: bool) -> None:
        for child in inside(node):
            if isinstance(child, ast.Import):
                found.extend((alias.name, top, typing) for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module is not None:
                assert child.level == 0, f"{path}: relative import"
                found.extend((f"{child.module}.{a.name}", top, typing) for a in child.names)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                walk(child, False, typing)
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                walk(child, top, True)
            else:
                walk(child, top, typing)

    walk(ast.parse(path.read_text(encoding="utf-8")), True, False)
    return found


def inside(node: ast.AST) -> Iterator[ast.AST]:
    """The statements directly in a node; what holds only expressions imports nothing."""
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        inner = getattr(node, name, ())
        if isinstance(inner, list):  # of a lambda or of `a if b else c` it is an expression
            yield from inner


MODULES = dict(modules())


def test_the_search_for_imports_finds_them_wherever_they_stand(tmp_path: Path) -> None:
    """In functions, classes, branches, loops, `with`, `try`, `match`: all are found."""
    lines = [
        "import a",
        "if TYPE_CHECKING:\n    import b",
        "if x:\n    pass\nelse:\n    from c import d",
        "class C:\n    import e\n    def f(self):\n        from g import h as i, j",
        "try:\n    import k\nexcept OSError:\n    import l\nelse:\n    import m\n"
        "finally:\n    import n",
        "async def f():\n    async with a:\n        for x in y:\n            import o\n"
        "        else:\n            import p",
        "match x:\n    case 1:\n        import q",
        "while x:\n    with y:\n        import r",
    ]
    file = tmp_path / "all.py"
    file.write_text("\n".join(lines))
    found = {(name, top, typing) for name, top, typing in imports(file)}
    inner, typed = {"g.h", "g.j", "o", "p"}, {"b"}
    names = {"a", "b", "c.d", "e", "g.h", "g.j", *"klmnopqr"}
    assert found == {(name, name not in inner, name in typed) for name in names}


def test_a_part_imports_only_what_it_may() -> None:
    """The direction of the house: ground ← providers ← core ← cli, tui; server on ground alone."""
    wrong = []
    for module, path in MODULES.items():
        part = part_of(module)
        for name, top, _ in imports(path):
            if not name.startswith("trainer_tui."):
                continue
            other = part_of(name)
            door = (part, other) in DOORS and (not top or part == "__main__" or module in COMMANDS)
            if not (other in MAY.get(part, set()) or other == "themes" or door):
                wrong.append(f"{module} ({part}) imports {name} ({other})")
    assert not wrong


def test_packages_from_outside_stay_in_their_part() -> None:
    """Textual in tui, Starlette, numpy and Pillow in server, httpx in providers: nowhere else."""
    wrong = []
    for module, path in MODULES.items():
        for name, _, typing in imports(path):
            allowed = OUTSIDE.get(name.split(".")[0])
            if not (allowed is None or part_of(module) in allowed or typing):
                wrong.append(f"{module} imports {name}")
    assert not wrong


@pytest.mark.parametrize("name", provider_names())
def test_providers_import_the_http_client_only_inside_functions(name: str) -> None:
    """A provider's facts are read without paying for the HTTP client."""
    module = f"trainer_tui.providers.{name}"
    for imported, top, typing in imports(MODULES[module]):
        heavy = imported.split(".")[0] in {"httpx", "yaml"} or "providers.http" in imported
        assert not (heavy and top and not typing), f"{module} imports {imported} at its top"


CONFIG = "trainer_tui.core.yamlconfig"
FACTS = (
    "from trainer_tui.config import provider_names\n"
    "from trainer_tui.providers import base\n"
    "for name in provider_names(): base.facts(name)"
)


def loaded_by(*statements: str) -> list[set[str]]:
    """The modules that a fresh interpreter has loaded after each statement, run one by one."""
    told = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    code = "\n".join(f"{statement}\n{told}" for statement in statements)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(json.loads(line)) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """What is loaded by the config package, then also by the facts of the providers, then also by
    the runtime, then by all headless modules."""
    headless = [m for m in MODULES if part_of(m) in {"core", "providers", "ground"}]
    everything = "\n".join(f"import {name}" for name in headless)
    stages = loaded_by(f"import {CONFIG}", FACTS, "import trainer_tui.core.runtime", everything)
    return dict(zip(("config", "facts", "runtime", "headless"), stages, strict=True))


HEAVY = {
    "httpx",
    "httpcore",
    "yaml",
    "jsonschema",
    "textual",
    "rich",
    "starlette",
    "uvicorn",
    "numpy",
    "PIL",
}


def test_the_core_starts_light(loaded: dict[str, set[str]]) -> None:
    """The console's first frame needs the runtime, and none of the heavy packages."""
    assert loaded["runtime"] & (HEAVY | {"tree_sitter", "safetensors", "platformdirs"}) == set()


def test_the_headless_parts_load_no_interface_and_no_server() -> None:
    """Importing any headless module really loads neither Textual nor what the server needs."""
    kept_out = {"textual", "rich", "starlette", "uvicorn", "numpy", "PIL"}
    headless = [m for m in MODULES if part_of(m) in {"core", "providers", "ground"}]
    assert len(headless) > 50
    wrong = {
        module: loaded
        for module in headless
        if (loaded := {n.split(".")[0] for n, top, t in imports(MODULES[module]) if top and not t})
        & kept_out
    }
    assert not wrong


def test_all_headless_modules_together_load_no_interface_and_no_server(
    loaded: dict[str, set[str]],
) -> None:
    """The same proven by loading them all in one fresh interpreter."""
    # (rich is left out: the HTTP client's own command line loads it where it is installed)
    names = loaded["headless"]
    assert names & {"textual", "starlette", "uvicorn", "numpy", "PIL"} == set()
    assert not any(name.startswith(("trainer_tui.tui", "trainer_tui.server")) for name in names)


def test_provider_facts_are_read_without_the_http_client(loaded: dict[str, set[str]]) -> None:
    """Reading every provider's facts loads no HTTP client and no TLS."""
    assert loaded["facts"] & {"httpx", "httpcore", "yaml"} == set()


def test_the_server_loads_neither_textual_nor_the_core() -> None:
    """The server's process is its own program: ground and server only."""
    pytest.importorskip("starlette")
    (loaded,) = loaded_by("import trainer_tui.server.app")
    ours = {part_of(name) for name in loaded if name.startswith("trainer_tui.")}
    assert ours <= {"ground", "server"} and "textual" not in loaded and "httpx" not in loaded


def test_the_config_package_can_be_imported_by_two_threads_at_once(
    loaded: dict[str, set[str]],
) -> None:
    """What the package loads by itself is imported from it alone, and never imports it back.

    Else one thread holds the package and wants the module, another the module and the package.
    """
    name = CONFIG
    own = {one for one in loaded["config"] if one.startswith(f"{name}.")}
    assert f"{name}.setvalue" in own
    for module, path in MODULES.items():
        wanted = {found for found, _, typing in imports(path) if not typing}
        if module in own:
            text = path.read_text(encoding="utf-8")
            assert f"from {name} import" not in text, f"{module} imports the package back"
        elif not module.startswith(name):
            past = {found for found in wanted if found.rpartition(".")[0] in own}
            assert not past, f"{module}: import {past} from {name}"
