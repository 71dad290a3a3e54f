"""The config: what it accepts, and how exactly it tells what it does not."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import HALF
from trainer_tui.config import (
    COLUMNS,
    Config,
    ConfigFileError,
    MetricPattern,
    Profile,
    Secret,
    load,
)
from trainer_tui.config_positions import positions
from trainer_tui.config_profiles import profile_keys
from trainer_tui.config_read import read, sections
from trainer_tui.config_write import add_profile, remove_managed_profile
from trainer_tui.errors import ConfigError
from trainer_tui.paths import Paths

FULL = """
read_only = true

[ui]
theme = "linen"
ascii = true
mouse = false
split = 40
columns = ["name", "status", "loss"]
confirm_word = false

[notify]
bell = false
desktop = "osc9"
all = true

[poll]
selected = 1
running = 4.5

[local]
cpu_slots = 2
gpus = [0, 1]
ai_toolkit = "~/ai-toolkit"
grace = 3

[downloads]
folder = "downloads"
parallel = 5

[metrics]
from_log = false
patterns = [{ name = "gan", regex = '(?P<step>\\d+) (?P<d_loss>\\S+)' }]

[schema]
extra_keys = ["train.my_key"]

[keys]
"job.stop" = "s,f9"
job.cancel = ["c", "ctrl+x"]

[pricing]
H100 = 4.5

[profiles.comfy]
provider = "runcomfy"
base_url = "https://api.example.com/"
token = "env:COMFY"
workspace = "team"
read_only = true
timeout = 5
options = { region = "eu" }

[profiles.box]
provider = "local"
socket = "/tmp/box.sock"
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A fresh installation."""
    return Paths.under(tmp_path)


def write(paths: Paths, text: str) -> Paths:
    """Put a config in place."""
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_text(text)
    return paths


def problems(paths: Paths, text: str) -> list[str]:
    """What is said about a config."""
    return [str(problem) for problem in read(write(paths, text))[1]]


def test_no_files_mean_defaults(paths: Paths) -> None:
    """Without a config everything has its default and nothing is created."""
    config = load(paths)
    assert config == Config()
    assert not config.has_profiles
    assert not paths.config_file.exists()


def test_every_key_is_read(paths: Paths) -> None:
    """Each key of each section arrives, with its type."""
    config = load(write(paths, FULL))
    assert config.read_only
    assert (config.ui.theme, config.ui.ascii, config.ui.mouse) == ("linen", True, False)
    assert (config.ui.split, config.ui.columns) == (40, ("name", "status", "loss"))
    assert not config.ui.confirm_word
    assert (config.notify.bell, config.notify.desktop, config.notify.all) == (False, "osc9", True)
    assert (config.poll.selected, config.poll.running, config.poll.queued) == (1.0, 4.5, 15.0)
    assert (config.local.cpu_slots, config.local.gpus, config.local.grace) == (2, (0, 1), 3.0)
    assert config.local.ai_toolkit == Path("~/ai-toolkit").expanduser()
    assert config.downloads.folder == paths.config_file.parent / "downloads"
    assert config.downloads.parallel == 5
    assert config.schema_extra_keys == ("train.my_key",)
    assert not config.metrics.from_log
    assert config.metrics.patterns == (MetricPattern("gan", r"(?P<step>\d+) (?P<d_loss>\S+)"),)
    assert config.keys == {"job.stop": "s,f9", "job.cancel": "c,ctrl+x"}
    assert config.pricing == {"H100": 4.5}
    comfy = config.profile("comfy")
    assert comfy.base_url == "https://api.example.com"
    assert comfy.token == Secret("env:COMFY")
    assert (comfy.workspace, comfy.read_only, comfy.timeout) == ("team", True, 5.0)
    assert comfy.extra == {"region": "eu"}
    assert config.profile("box").socket == Path("/tmp/box.sock")
    assert config.files == (paths.config_file,)
    assert config.warnings == ()


def test_the_older_name_of_the_schema_section(paths: Paths) -> None:
    """``[check] extra_keys`` is still read, beside what ``[schema]`` says."""
    text = '[check]\nextra_keys = ["a"]\n'
    assert load(write(paths, text)).schema_extra_keys == ("a",)
    text += '[schema]\nextra_keys = ["b"]\n'
    assert load(write(paths, text)).schema_extra_keys == ("b", "a")


def test_local_profile_is_always_there(paths: Paths) -> None:
    """``local`` needs no entry; another name is answered with the nearest."""
    config = load(write(paths, FULL))
    assert config.profile("local") == Profile("local", "local")
    with pytest.raises(ConfigError, match=r"no profile 'confy'; did you mean 'comfy'\?"):
        config.profile("confy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '\n[profiles.comfy]\nprovder = "runcomfy"\nprovider = "runcomfy"\n',
            "config.toml:3: profiles.comfy.provder: unknown key; did you mean 'provider'?",
        ),
        (
            '[profiles.comfy]\nprovider = "runcomfi"\n',
            "config.toml:2: profiles.comfy.provider: expected one of ",
        ),
        ("[profiles.x]\ntimeout = 3\n", "config.toml:1: profiles.x: provider is missing; "),
        ('[uii]\ntheme = "x"\n', "config.toml:1: uii: unknown table; did you mean 'ui'?"),
        ("# a\n\nui.mouse = 1\n", "config.toml:3: ui.mouse: expected true or false"),
        ("ui = { split = 5 }\n", "config.toml:1: ui.split: expected a whole number from 10 to 90"),
        ("[poll]\nrunning = 0\n", "config.toml:2: poll.running: expected a number of seconds "),
        ("[poll]\nrunning = nan\n", "config.toml:2: poll.running: expected a number of seconds "),
        ("[ui]\ncolumns = ['name', 'lss']\n", "config.toml:2: ui.columns: expected some of "),
        ("[notify]\ndesktop = 'ocs9'\n", "config.toml:2: notify.desktop: expected one of auto"),
        ("[local]\ngpus = 'all'\n", 'config.toml:2: local.gpus: expected "auto" or a list'),
        ("[keys]\njob.stop = 'ctrl+'\n", "config.toml:2: keys.job.stop: expected keys such as"),
        ("[keys]\nquit = 3\n", "config.toml:2: keys.quit: expected keys such as"),
        ("[keys]\njob.stop = 3\n", "config.toml:2: keys.job.stop: expected keys such as"),
        ("[pricing]\nH100 = -1\n", "config.toml:2: pricing.H100: expected a number from 0"),
        ("ui = 3\n", "config.toml:1: ui: expected a table: [ui]"),
        (
            "[metrics]\nform_log = true\n",
            "config.toml:2: metrics.form_log: unknown key; did you mean 'from_log'?",
        ),
        (
            "[metrics]\n\npatterns = [{ regex = '(?P<loss>' }]\n",
            "config.toml:3: metrics.patterns: pattern 1: regex: missing ), unterminated",
        ),
        (
            "[metrics]\npatterns = [{ regex = '(?P<a>x)' }, { regex = '(?P<step>x)' }]\n",
            "config.toml:2: metrics.patterns: pattern 2: regex: expected a named group for each",
        ),
        (
            "[metrics]\npatterns = [{ regex = '(?P<key>x)' }]\n",
            "config.toml:2: metrics.patterns: pattern 1: regex: the groups key and value need",
        ),
        (
            "[metrics]\npatterns = [{ regex = '(?P<loss>x)?' }]\n",
            "config.toml:2: metrics.patterns: pattern 1: regex: it finds something in an empty",
        ),
        (
            "[metrics]\npatterns = [{ name = 'x' }]\n",
            "config.toml:2: metrics.patterns: pattern 1: regex is missing",
        ),
        (
            "[metrics]\npatterns = [{ regx = 'x' }]\n",
            "config.toml:2: metrics.patterns: pattern 1: regx: unknown key; did you mean 'regex'?",
        ),
        ("[metrics]\npatterns = 'x'\n", "config.toml:2: metrics.patterns: expected tables: "),
        ('[profiles."a b"]\nprovider="local"\n', "config.toml:1: profiles.a b: expected a name"),
        (
            "[profiles.local]\nprovider='runcomfy'\n",
            "config.toml:2: profiles.local.provider: the name 'local' belongs to",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\nsocket='/x'\n",
            "config.toml:3: profiles.c.socket: only a profile of the provider local",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\nbase_url='http://example.com'\n",
            "config.toml:3: profiles.c.base_url: plain http would send",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\nbase_url='https://u:p@example.com'\n",
            "config.toml:3: profiles.c.base_url: expected a URL without a credential",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\nbase_url='example.com'\n",
            "config.toml:3: profiles.c.base_url: expected a URL such as",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\ntoken='env:'\n",
            "config.toml:3: profiles.c.token: expected",
        ),
        (
            "[profiles.c]\nprovider='runcomfy'\ntoken='$COMFY'\n",
            'config.toml:3: profiles.c.token: expected "env:NAME"',
        ),
        ("[ui\n", "config.toml:1: not valid TOML: expected ']'"),
        ("[ui]\ntheme = \n", "config.toml:2: not valid TOML: invalid value (column 9)"),
        ("[ui]\ntheme = 'x", "config.toml:2: not valid TOML: "),
    ],
)
def test_mistakes_tell_file_line_and_what_was_expected(paths: Paths, text: str, said: str) -> None:
    """A mistake names the file, the line, the key, what was expected and the nearest name."""
    found = problems(paths, text)
    assert found, "nothing was said"
    assert found[0].startswith(said)


def test_all_mistakes_are_found_at_once(paths: Paths) -> None:
    """``read`` gives every mistake, ``load`` raises with the first and the count of the others."""
    text = "[ui]\nmouse = 3\nteme = 'x'\n\n[polls]\nx = 1\n"
    assert len(problems(paths, text)) == 3
    with pytest.raises(ConfigFileError, match=r"config\.toml:5: polls.*\(and 2 more\)") as caught:
        load(paths)
    assert str(paths.config_file) in (caught.value.hint or "")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "url",
    ["http://localhost:80", "http://127.0.0.1:9", "http://127.9.9.9", "http://[::1]:7/x"],
)
def test_plain_http_is_fine_on_loopback(paths: Paths, url: str) -> None:
    """Loopback needs no TLS; a remote host needs ``insecure = true``."""
    assert not problems(paths, f"[profiles.c]\nprovider='runcomfy'\nbase_url='{url}'\n")
    remote = "[profiles.c]\nprovider='runcomfy'\nbase_url='http://192.168.0.7'\n"
    assert problems(paths, remote)
    assert not problems(paths, remote + "insecure = true\n")


def test_a_written_out_credential_warns_without_showing_it(paths: Paths) -> None:
    """A literal works, with a warning that has the place and never the value."""
    write(paths, "[profiles.c]\nprovider='runcomfy'\ntoken='enf:SECRETVALUE'\n")
    paths.config_file.chmod(0o644)
    config = load(paths)
    assert len(config.warnings) == 1
    warning = config.warnings[0]
    assert warning.startswith("config.toml:3: profiles.c.token: the credential itself stands here")
    assert "others can read" in warning and "did you mean 'env'?" in warning
    assert "SECRETVALUE" not in warning + repr(config) + str(config)


def test_a_secret_file_that_others_can_read_warns(paths: Paths, tmp_path: Path) -> None:
    """The mode of a ``file:`` is looked at when the config is read."""
    token = tmp_path / "token"
    token.write_text("abc\n")
    token.chmod(0o644)
    write(paths, "[profiles.c]\nprovider='runcomfy'\ntoken='file:token'\n")
    assert "chmod 600" in load(paths).warnings[0]
    token.chmod(0o600)
    assert load(paths).warnings == ()


def test_a_profile_named_after_its_provider_needs_no_more(paths: Paths) -> None:
    """``[profiles.runcomfy]`` says its provider already."""
    config = load(write(paths, "[profiles.runcomfy]\ntoken = 'env:X'\n"))
    assert config.profile("runcomfy").provider == "runcomfy"


def test_files_that_cannot_be_read_say_so(paths: Paths) -> None:
    """Not UTF-8 and a folder in place of the file are told with what is wrong."""
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_bytes(b"[ui]\ntheme = '\xff'\n")
    with pytest.raises(ConfigFileError, match=r"config\.toml:2: is not UTF-8"):
        load(paths)
    paths.config_file.unlink()
    paths.config_file.mkdir()
    with pytest.raises(ConfigFileError, match=r"config\.toml: cannot be read: Is a directory"):
        load(paths)


def test_windows_line_ends_and_a_mark_of_order_are_taken(paths: Paths) -> None:
    """A file saved on another system reads the same, its lines counted right."""
    paths.config_file.parent.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_bytes(b"\xef\xbb\xbf[ui]\r\nmouse = 1\r\n")
    with pytest.raises(ConfigFileError, match=r"config\.toml:2: ui\.mouse"):
        load(paths)


def test_managed_profiles_are_added_and_removed(paths: Paths) -> None:
    """Adding writes the managed file (0600) and never what a person wrote."""
    write(paths, "# mine\n[ui]\ntheme = 'linen'\n")
    before = paths.config_file.read_bytes()
    add_profile(paths, {"name": "c", "provider": "runcomfy", "token": "env:X", "workspace": None})
    add_profile(paths, {"name": "d", "provider": "runcomfy"})
    assert paths.config_file.read_bytes() == before
    assert stat.S_IMODE(paths.managed_profiles.stat().st_mode) == 0o600
    config = load(paths)
    assert list(config.profiles) == ["c", "d"]
    assert config.profile("c").token == Secret("env:X")
    with pytest.raises(ConfigError, match="already a profile 'c'"):
        add_profile(paths, {"name": "c", "provider": "runcomfy"})
    add_profile(paths, {"name": "c", "provider": "runcomfy"}, replace=True)
    assert load(paths).profile("c").token is None
    remove_managed_profile(paths, "c")
    assert list(load(paths).profiles) == ["d"]
    with pytest.raises(ConfigError, match="no profile 'c'"):
        remove_managed_profile(paths, "c")


def test_what_a_person_wrote_wins(paths: Paths) -> None:
    """A profile in ``config.toml`` hides a managed one, and only its owner removes it."""
    add_profile(paths, {"name": "c", "provider": "runcomfy", "workspace": "managed"})
    write(paths, "[profiles.c]\nprovider = 'runcomfy'\nworkspace = 'mine'\n")
    assert load(paths).profile("c").workspace == "mine"
    with pytest.raises(ConfigError, match="already a profile 'c' in"):
        add_profile(paths, {"name": "c", "provider": "runcomfy"}, replace=True)
    paths.managed_profiles.unlink()
    with pytest.raises(ConfigError, match="which only you edit"):
        remove_managed_profile(paths, "c")


def test_an_entered_credential_gets_a_private_file(paths: Paths) -> None:
    """A literal token is kept in ``secrets/NAME`` (0600); removing the profile removes it."""
    add_profile(paths, {"name": "c", "provider": "runcomfy", "token": "rc-SECRETVALUE"})
    stored = paths.config_file.parent / "secrets" / "c"
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.parent.stat().st_mode) == 0o700
    assert "SECRETVALUE" not in paths.managed_profiles.read_text()
    token = load(paths).profile("c").token
    assert token is not None and token.resolve() == "rc-SECRETVALUE"
    remove_managed_profile(paths, "c")
    assert not stored.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"provider": "runcomfy"}, "needs a name"),
        ({"name": "a/b", "provider": "runcomfy"}, "needs a name"),
        ({"name": "c", "provider": "nope"}, "provider: expected one of"),
        ({"name": "c", "provider": "runcomfy", "base_url": "x"}, "base_url: expected a URL"),
        ({"name": "c", "provider": "runcomfy", "tken": "x"}, "tken: unknown key; did you mean"),
    ],
)
def test_a_wrong_profile_is_not_written(paths: Paths, fields: dict[str, str], said: str) -> None:
    """The rules for written profiles hold for entered ones; nothing is left behind."""
    with pytest.raises(ConfigError, match=said):
        add_profile(paths, fields)
    assert not paths.managed_profiles.exists()


def test_a_damaged_managed_file_is_told_and_kept(paths: Paths) -> None:
    """Adding to a file that cannot be read would lose what is in it: refused."""
    paths.managed_profiles.parent.mkdir(parents=True, exist_ok=True)
    paths.managed_profiles.write_text("[profiles.c\n")
    with pytest.raises(ConfigError, match=r"profiles\.toml:1: not valid TOML"):
        add_profile(paths, {"name": "d", "provider": "runcomfy"})
    assert paths.managed_profiles.read_text() == "[profiles.c\n"


ADDING = """
import sys
from pathlib import Path
from trainer_tui.config_write import add_profile
from trainer_tui.paths import Paths
first = int(sys.argv[2])
for number in range(first, first + 8):
    add_profile(Paths.under(Path(sys.argv[1])), {"name": f"p{number}", "provider": "runcomfy"})
"""


def test_two_programs_do_not_lose_one_anothers_profiles(tmp_path: Path) -> None:
    """Read, change and write happen under a lock: of two at once all profiles are there."""
    workers = [
        subprocess.Popen([sys.executable, "-c", ADDING, str(tmp_path), first])
        for first in ("0", "8")
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0]
    assert set(load(Paths.under(tmp_path)).profiles) == {f"p{n}" for n in range(16)}


def test_positions_of_every_kind_of_key() -> None:
    """Dotted keys, quoted keys, tables, inline tables, arrays and long strings are told apart."""
    text = '''a.b = 1  # [no.table]
"x y".z = """
[not.a.table]
"""
[t."u.v"]
k = { m = [1, { n = "}" }], "o" = 2 }
[[list]]
q = 'w#'
'''
    found = positions(text)
    assert found[("a",)] == (1, 1)
    assert found[("a", "b")] == (1, 1)
    assert found[("x y", "z")] == (2, 1)
    assert ("not",) not in found
    assert found[("t", "u.v")] == (5, 1)
    assert found[("t", "u.v", "k", "m", "1", "n")] == (6, 17)
    assert found[("t", "u.v", "k", "o")] == (6, 29)
    assert found[("list", "q")] == (8, 1)


@given(st.text(max_size=200))
def test_finding_positions_never_fails_or_hangs(text: str) -> None:
    """Any text at all is scanned to an end, valid TOML or not."""
    assert isinstance(positions(text), dict)


@HALF
@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.recursive(
            st.integers() | st.booleans() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3)
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
def test_every_top_key_of_written_toml_has_its_line(data: dict[str, object]) -> None:
    """For whatever is written as TOML, each key is found on a line that holds it."""
    import tomli_w

    text = tomli_w.dumps(data)
    found = positions(text)
    assert {path[0] for path in found} == set(data)


def test_the_reference_names_every_key() -> None:
    """``docs/config.md`` has each section and key, so that no setting goes undocumented."""
    text = (Path(__file__).parents[2] / "docs" / "config.md").read_text()
    for section, keys in sections(Path()).items():
        assert f"[{section}]" in text
        for key in keys:
            assert f"`{key}`" in text, f"{section}.{key}"
    for key in [*profile_keys(Path()), "options", "read_only", *COLUMNS]:
        assert f"`{key}`" in text, key


def test_the_case_of_a_named_key_does_not_matter(tmp_path: Path) -> None:
    """F1 and Ctrl+X are the keys they name; c and C stay two keys."""
    paths = Paths.under(tmp_path)
    paths.config_file.write_text('[keys]\n"app.help" = "F1,Ctrl+X"\n"job.cancel" = "C"\n')
    assert load(paths).keys == {"app.help": "f1,ctrl+x", "job.cancel": "C"}
