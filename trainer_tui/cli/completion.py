"""``trainer-tui completion``: a script for the shell that asks the program what may follow."""

from __future__ import annotations

import argparse

from trainer_tui.cli.context import DONE, CliContext

_BASH = """\
_trainer_tui() {
    local line words prefix=""
    # Bash breaks words at colons, which refs and filters may hold: split at blanks instead.
    read -ra words <<< "${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && words+=("")
    [[ ${words[-1]} == *:* ]] && prefix="${words[-1]%"${words[-1]##*:}"}"
    COMPREPLY=()
    while IFS= read -r line; do
        [[ $line == __files__ ]] && { compopt -o default; COMPREPLY=(); return; }
        COMPREPLY+=("${line#"$prefix"}")
    done < <(trainer-tui __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _trainer_tui trainer-tui
"""

_ZSH = """\
#compdef trainer-tui
_trainer_tui() {
    local -a found
    found=("${(@f)$(trainer-tui __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ ${found[1]} == __files__ ]]; then
        _files
    else
        compadd -- $found
    fi
}
if [[ ${funcstack[1]} == _trainer_tui ]]; then
    _trainer_tui
else
    compdef _trainer_tui trainer-tui
fi
"""

_FISH = """\
function __trainer_tui
    set -l words (commandline -opc) (commandline -ct)
    set -l found (trainer-tui __complete $words[2..-1] 2>/dev/null)
    if test "$found[1]" = __files__
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $found
    end
end
complete -c trainer-tui -f -a '(__trainer_tui)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_USE = {
    "bash": 'eval "$(trainer-tui completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(trainer-tui completion zsh)" in ~/.zshrc, after compinit',
    "fish": "trainer-tui completion fish > ~/.config/fish/completions/trainer-tui.fish",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help="bash, zsh or fish")


def run(args: argparse.Namespace, context: CliContext) -> int:
    """Print the script; on a terminal also say where it goes."""
    if context.json:
        context.print_json({"shell": args.shell, "script": SCRIPTS[args.shell]})
        return DONE
    context.out(SCRIPTS[args.shell], end="")
    if context.stdout_tty:
        context.say(f"# to use it: {_USE[args.shell]}")
    return DONE
