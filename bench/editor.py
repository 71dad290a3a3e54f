"""How the editor answers to keys in a config of 10,000 lines, against Textual's own TextArea.

    python bench/editor.py [--lines 10000] [--words 40] [--rest 0.4] [--only remark,key,enter]

Takes about five minutes (``--words 10``: two) and tells on stderr how far it is.

Both have the same text, the cursor in its middle, and get the same keys in the same run: words of
six letters, 70 ms between two letters and a rest after each word, in which the editor begins to
check the text, so that the keys of the next word come while it checks. A key counts from its write
to the first byte that comes back; bytes are all that came until the next key. *remark* types into
a remark, *key* a key's name with completions, *enter* is a new line and a letter. The editor is the
real screen in the real console, with drafts written to a store; TextArea does none of all this, and
its cursor does not blink, so that no byte comes but for a key.

CPU is the processor time of the program, without that of the process that checks, per key; *load*
is that of the machine in the last minute. A program that ends, or leaves a key without any answer
for five seconds, ends the measurement with what it had on its screen.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from terminal import Session, report

ROOT = Path(__file__).resolve().parent.parent

EDITOR = r"""
import gc, sys
from pathlib import Path
folder, text, row = Path(sys.argv[2]), Path(sys.argv[3]).read_text(), int(sys.argv[4])
sys.path.insert(0, sys.argv[1])
from tests.tui.console import make
from trainer_tui.core.messages import ConfigArrived
from trainer_tui.core.store import Store
from trainer_tui.tui.screens.editor import EditorScreen

gc.disable()  # as the console starts: what lives as long as it does is not looked at again
app = make(folder)
app.runtime.store = Store(folder / "store.db")
ref = app.runtime.board.entries()[0].job.ref
screen = EditorScreen(ref)

async def open_it(pilot):
    while app.main is None or not app.begun:
        await pilot.pause(0.05)
    app.push_screen(screen)
    await pilot.pause(0.2)
    screen.receive(ConfigArrived(ref, text))
    while not screen.area.size.height:
        await pilot.pause(0.05)
    screen.area.go_to(row, 1)
    screen.area.action_cursor_line_end()

app.run(auto_pilot=open_it)
"""
PLAIN = r"""
import sys
from pathlib import Path
from textual.app import App
from textual.widgets import TextArea
text, row = Path(sys.argv[3]).read_text(), int(sys.argv[4])

class Plain(App):
    def compose(self):
        yield TextArea(text, show_line_numbers=True, tab_behavior="indent", soft_wrap=False)
    def on_mount(self):
        area = self.query_one(TextArea)
        area.cursor_blink = False
        area.focus()
        self.set_timer(0.5, lambda: (area.move_cursor((row - 1, 0), center=True),
                                     area.action_cursor_line_end()))
Plain().run()
"""
HEAD = """job: extension
config:
  name: long_one
  process:
    - type: sd_trainer
      training_folder: /app/ai-toolkit/output
      model:
        name_or_path: black-forest-labs/FLUX.1-dev
        arch: flux
      train:
        steps: 2000
        lr: 1e-4
      datasets:
"""


def config(lines: int) -> tuple[str, int]:
    """A config of so many lines, and the line (from 1) of a remark in its middle."""
    out = HEAD.split("\n")[:-1]
    middle = 0
    number = 0
    while len(out) < lines - 5:
        number += 1
        out += [
            f"        - folder_path: /app/ai-toolkit/datasets/part_{number:05d}",
            f"          # part {number}",
            "          caption_ext: txt",
            f'          trigger_word: "dog{number}"',
            "          resolution: [ 512, 768, 1024 ]",
        ]
        if not middle and len(out) > lines // 2:
            middle = len(out) - 3
    return "\n".join(out) + "\n", middle


class NoAnswer(Exception):
    """The program that is measured has ended, or does not answer."""


def word(session: Session, letters: Sequence[str], gap: float) -> tuple[list[float], list[int]]:
    """Milliseconds to the first byte and bytes until the next key, for each letter."""
    waits: list[float] = []
    sizes: list[int] = []
    for letter in letters:
        before = session.bytes
        began = time.perf_counter()
        session.press(letter)
        while session.bytes == before:
            session.read(0.5)
            if session.ended:
                raise NoAnswer("the program has ended:\n" + "\n".join(session.screen()))
            if time.perf_counter() - began > 5:
                raise NoAnswer(
                    f"no answer to {letter!r} within 5 s:\n" + "\n".join(session.screen())
                )
        waits.append((session.chunks[-1][0] - began) * 1000)
        left = gap - (time.perf_counter() - began)
        if left > 0:
            session.read_for(left)
        sizes.append(session.bytes - before)
    return waits, sizes


def letters_of(kind: str) -> list[str]:
    """The keys of one word."""
    if kind == "remark":
        return random.choices("abcdefghij", k=6)
    if kind == "key":
        return [*"latent"]
    return ["enter", "#", "x", "enter", "#", "y"]


def measure(
    source: str, path: Path, row: int, words: int, rest: float, kind: str
) -> dict[str, object]:
    """One program, one kind of typing.

    Raises:
        NoAnswer: It ended or did not answer.
        TimeoutError: It did not come up.
    """
    random.seed(7)
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-c", source, str(ROOT), folder, str(path), str(row)]
        with Session(argv) as session:
            session.wait_for(rf"{row}\s.*# part", timeout=60)
            session.settle(1.0, 10)
            if kind == "key":
                session.press("enter")
                session.read_for(0.5)
            cpu = session.cpu()
            waits: list[float] = []
            sizes: list[int] = []
            for number in range(words):
                tell(f"{kind}: word {number + 1} of {words}")
                some, bytes_ = word(session, letters_of(kind), 0.07)
                waits += some
                sizes += bytes_
                session.read_for(rest)
                if kind == "key":
                    for _ in range(6):
                        session.press("\x7f")
                        session.read_for(0.05)
                    session.read_for(0.1)
            spent = session.cpu() - cpu
    waits.sort()
    return {
        "typing": kind,
        "keys": len(waits),
        "p50 ms": statistics.median(waits),
        "p95 ms": waits[int(len(waits) * 0.95)],
        "max ms": waits[-1],
        "bytes a key": statistics.median(sizes),
        "CPU ms a key": 1000 * spent / len(waits),
        "load": os.getloadavg()[0],
    }


def tell(text: str) -> None:
    """How far it is, on a terminal in one line."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--rest", type=float, default=0.4)
    parser.add_argument("--only", default="remark,key,enter")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.yaml"
        text, row = config(options.lines)
        path.write_text(text)
        for kind in options.only.split(","):
            for name, source in (("editor", EDITOR), ("Textual's TextArea", PLAIN)):
                try:
                    found = measure(source, path, row, options.words, options.rest, kind)
                except (NoAnswer, TimeoutError) as error:
                    tell("")
                    sys.exit(f"{name}, typing a {kind}: {error}")
                rows.append({"program": name, "lines": options.lines, **found})
                tell("")
                print(f"{name}, {kind}: p95 {found['p95 ms']:.1f} ms", file=sys.stderr, flush=True)
    report("editor", rows)


if __name__ == "__main__":
    main()
