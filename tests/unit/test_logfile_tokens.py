"""What is coloured lightly in a line."""

from __future__ import annotations

from trainer_tui.core.logfile.tokens import tokens


def test_tokens_of_a_training_line() -> None:
    """Time, level and numbers are told apart; digits inside words are left alone."""
    line = "2025-11-22 10:00:12,123 INFO step 12 loss: 3.1e-01 model_v2 48% 1.38s/it nan"
    assert [(line[a:b], kind) for a, b, kind in tokens(line)] == [
        ("2025-11-22 10:00:12,123", "time"),
        ("INFO", "info"),
        ("12", "number"),
        ("3.1e-01", "number"),
        ("48%", "number"),
        ("1.38s/it", "number"),
        ("nan", "number"),
    ]


def test_tokens_of_a_frame() -> None:
    """A traceback's frame gives its path and line."""
    line = '  File "/app/run.py", line 12, in main'
    assert [(line[a:b], kind) for a, b, kind in tokens(line)] == [
        ('  File "', "frame"),
        ("/app/run.py", "path"),
        ("12", "number"),
    ]
