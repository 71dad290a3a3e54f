"""A job's log at any size: a file on this machine, read where it is looked at.

``source``    which file, how much of it may be read, what is missing of it
``lines``     what a view reads: lines in order, each known by its position
``line``      one raw line made safe: carriage returns, colours, control characters; ``lookback``
              what lines before it left on
``index``     newlines counted by block, so that positions have line numbers
``document``  a file as :class:`~trainer_tui.core.logfile.lines.Lines`
``spool``     the file that fetched text is written into; ``spooled`` the one of a pipe
``pattern``   a regular expression with smart case
``search``    hits and errors in a file; ``listsearch`` in other lines; ``hits`` what both answer,
              ``asking`` how, ``blocks``, ``tally`` and ``seen`` what is known
``filtered``  a log of which only hits are shown
``scanner``   gives processes work and hears what they found: a ``child`` for a ``client``
``scan``      such a process; ``jobs`` its searches, ``matcher`` which lines match, ``errorlines``
              which are errors, ``plan``, ``runs`` and ``neighbours`` what is read off an
              expression, ``chunks`` and ``bulk`` many lines at once
``moments``   when a line was written, read from its text; ``stamps`` such times typed and told
``times``     when the lines of a log were written, and where in it a moment is
``records``   levels, JSON lines and their fields
``merge``     several logs as one, by time; ``stream`` the end of one of them
"""
