"""Judgement: what is allowed, and still hardly what anybody wants."""

from __future__ import annotations

from collections.abc import Iterator

from trainer_tui.core.yamlconfig.nodes import (
    AnyNode,
    Mapping,
    Scalar,
    Sequence,
    resolve,
    value_start,
)
from trainer_tui.core.yamlconfig.pairs import without_pair
from trainer_tui.core.yamlconfig.parse import Document
from trainer_tui.core.yamlconfig.problems import Edit, Problem, Severity
from trainer_tui.core.yamlconfig.wrong import problem_at

_OWN_RATE = ("prodigy", "dadapt", "automagic")
"""Optimizers that find the learning rate themselves: 1.0 is right for them."""
_USUAL_EVERY = 250
"""Steps between checkpoints, and between samples, in the trainer's own examples."""


def advise(document: Document, *, checkpoint_step: int | None = None) -> list[Problem]:
    """Advice on the first process of a config.

    Args:
        document: The config.
        checkpoint_step: Where a resume would continue, when this is an edit of a job.
    """
    return list(_Advice(document, checkpoint_step).all())


class _Advice:
    def __init__(self, document: Document, checkpoint_step: int | None) -> None:
        self.document = document
        self.checkpoint_step = checkpoint_step
        process = resolve(document.at("config", "process", 0))
        self.process = process if isinstance(process, Mapping) else None

    def all(self) -> Iterator[Problem]:
        if self.process is None:
            return
        yield from self._rate()
        yield from self._steps()
        yield from self._sizes()
        yield from self._pairs()
        yield from self._words()

    def _node(self, *path: str | int) -> AnyNode | None:
        return self.document.at("config", "process", 0, *path)

    def _number(self, *path: str | int) -> tuple[AnyNode, float] | None:
        node = self._node(*path)
        real = resolve(node)
        if node is not None and isinstance(real, Scalar) and real.kind in ("int", "float"):
            data = real.data
            if isinstance(data, int | float) and data == data:
                return node, data
        return None

    def _word(self, *path: str | int) -> str:
        real = resolve(self._node(*path))
        return real.text if isinstance(real, Scalar) else ""

    def _on(self, *path: str | int) -> bool:
        real = resolve(self._node(*path))
        return isinstance(real, Scalar) and real.data is True

    def _say(
        self,
        severity: Severity,
        code: str,
        node: AnyNode,
        message: str,
        fix: str | None = None,
        edit: Edit | str | None = None,
    ) -> Problem:
        return problem_at(self.document, severity, code, node, message, fix, edit)

    def _without(self, section: str, key: str) -> Edit | None:
        """A change that takes a key out of a section."""
        found = resolve(self._node(section))
        if isinstance(found, Mapping):
            for index, (name, _) in enumerate(found.items):
                if isinstance(name, Scalar) and name.text == key:
                    return without_pair(self.document, found, index)
        return None

    def _renamed(self, section: str, key: str, new: str) -> Edit | None:
        """A change that calls a key otherwise; takes it out where the other is there already."""
        found = resolve(self._node(section))
        pair = found.pair(key) if isinstance(found, Mapping) else None
        if pair is None:
            return None
        if self._node(section, new) is not None:
            return self._without(section, key)
        return Edit(value_start(self.document.text, pair[0]), pair[0].end, new)

    def _rate(self) -> Iterator[Problem]:
        found = self._number("train", "lr")
        if found is None or self._word("train", "optimizer").lower().startswith(_OWN_RATE):
            return
        node, rate = found
        if rate >= 0.01:
            message = f"a learning rate of {rate:g} is far above what usually trains"
            yield self._say("warning", "advice-lr", node, message, "1e-4 is the usual one", "1e-4")
        elif 0 < rate < 1e-7:
            message = f"a learning rate of {rate:g} hardly changes anything"
            yield self._say("warning", "advice-lr", node, message, "1e-4 is the usual one", "1e-4")

    def _steps(self) -> Iterator[Problem]:
        found = self._number("train", "steps")
        if found is None:
            return
        node, steps = found
        whole = f"{steps:.0f}"
        save = self._number("save", "save_every")
        if save is not None and (save[1] > steps or save[1] == 0):
            how = "is beyond the" if save[1] else "saves nothing within the"
            message = (
                f"save_every {save[1]:g} {how} {steps:g} steps: only the last is saved, "
                "and a run that is cut short leaves nothing to resume from"
            )
            every = f"{min(steps, _USUAL_EVERY):.0f}"
            yield self._say(
                "warning", "advice-save-every", save[0], message, f"write {every}", every
            )
        sample = self._number("sample", "sample_every")
        if sample is not None and not self._on("train", "disable_sampling"):
            every = f"{min(steps, _USUAL_EVERY):.0f}"
            if sample[1] == 0:
                message = "sample_every 0: no samples are drawn on the way"
                fix = f"write {every}, or train.disable_sampling: true"
                yield self._say("warning", "advice-sample-every", sample[0], message, fix, every)
            elif sample[1] > steps:
                message = f"sample_every {sample[1]:g} is beyond the {steps:g} steps"
                fix = f"at most {whole}"
                yield self._say("info", "advice-sample-every", sample[0], message, fix, every)
        held = self.checkpoint_step
        if held is not None and held >= steps and held > 0:
            message = f"the newest checkpoint is of step {held}: nothing is left to train"
            yield self._say("warning", "advice-steps", node, message, f"write more than {held}")

    def _sizes(self) -> Iterator[Problem]:
        sets = resolve(self._node("datasets"))
        nodes: list[AnyNode] = []
        items = sets.items if isinstance(sets, Sequence) else [sets]
        for item in items:
            real = resolve(item) if not isinstance(item, tuple) else None
            value = resolve(real.get("resolution")) if isinstance(real, Mapping) else None
            nodes += value.items if isinstance(value, Sequence) else [value] if value else []
        for node in nodes[:50]:
            size = resolve(node)
            data = size.data if isinstance(size, Scalar) and size.kind == "int" else None
            if isinstance(data, int) and data > 64 and data % 64:
                below = data - data % 64
                near = str(below if data % 64 < 32 else below + 64)
                message = f"{data} is no multiple of 64; images are cut to sizes that are"
                fix = f"{below} or {below + 64}"
                yield self._say("info", "advice-resolution", node, message, fix, near)

    def _pairs(self) -> Iterator[Problem]:
        new = self._number("train", "gradient_accumulation")
        old = self._number("train", "gradient_accumulation_steps")
        if new is not None and old is not None and new[1] > 1 and old[1] != 1:
            message = "gradient_accumulation and gradient_accumulation_steps exclude each other"
            yield self._say(
                "error", "advice-accumulation", new[0], message, "keep one of them",
                self._without("train", "gradient_accumulation_steps"),
            )  # fmt: skip
        scheduler, sampler = self._word("train", "noise_scheduler"), self._word("sample", "sampler")
        node = self._node("sample", "sampler")
        differ = scheduler and sampler and scheduler != sampler
        if node is not None and differ and "flowmatch" in (scheduler, sampler):
            message = f"the sampler must go with train.noise_scheduler, {scheduler}"
            fix = f"write '{scheduler}'"
            yield self._say("warning", "advice-sampler", node, message, fix, f'"{scheduler}"')
        unload = self._node("train", "unload_text_encoder")
        if (
            unload is not None
            and self._on("train", "unload_text_encoder")
            and self._word("model", "arch").startswith("qwen_image_edit")
        ):
            message = "Qwen-Image-Edit encodes its control images with the text: it cannot unload"
            fix = "use cache_text_embeddings"
            yield self._say(
                "error", "advice-text-encoder", unload, message, fix,
                self._renamed("train", "unload_text_encoder", "cache_text_embeddings"),
            )  # fmt: skip

    def _words(self) -> Iterator[Problem]:
        prompts = resolve(self._node("sample", "prompts"))
        trigger = resolve(self._node("trigger_word"))
        if isinstance(prompts, Sequence) and not (isinstance(trigger, Scalar) and trigger.text):
            for item in prompts.items:
                real = resolve(item)
                if isinstance(real, Scalar) and "[trigger]" in real.text:
                    message = "the prompt has [trigger], and there is no trigger_word"
                    yield self._say("info", "advice-trigger", item, message, "add trigger_word")
                    break
        sets = resolve(self._node("datasets"))
        for item in sets.items[:50] if isinstance(sets, Sequence) else []:
            real = resolve(item)
            path = real.get("folder_path") if isinstance(real, Mapping) else None
            value = resolve(path)
            if path is not None and isinstance(value, Scalar) and "/path/to/" in value.text:
                message = "this is still the path of the example"
                yield self._say("warning", "advice-path", path, message, "name your own folder")
