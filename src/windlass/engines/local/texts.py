"""Text that nothing this machine runs can be given."""

from collections.abc import Iterator

from windlass.engines.engine import Refusal, ReplicaTemplate


def text_refusals(template: ReplicaTemplate) -> Iterator[Refusal]:
    """Where a template has such text."""
    texts = {
        "spec.command": template.command or (),
        "spec.args": template.args or (),
        "spec.workingDir": (template.working_dir or "",),
    }
    for index, variable in enumerate(template.environment):
        path = f"spec.environmentVariables[{index}]"
        texts[f"{path}.name"] = (variable.name,)
        texts[f"{path}.value"] = (variable.value,)
    for path, words in texts.items():
        if any(not _can_be_given(word) for word in words):
            yield Refusal(path, "must be Unicode text without the character U+0000")


def _can_be_given(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
