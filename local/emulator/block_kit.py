"""What Slack refuses of a message's blocks.

The blocks that are text, with the limits of https://docs.slack.dev/reference/block-kit/blocks and
https://docs.slack.dev/reference/block-kit/composition-objects/text-object. Of other blocks Slack
documents more than is checked here: a type.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

_MOST_BLOCKS: Final = 50
_MOST_FIELDS: Final = 10
_MOST_ELEMENTS: Final = 10
_HEADER, _SECTION, _FIELD, _ELEMENT = 150, 3000, 2000, 3000


def problems(blocks: Any) -> list[str]:
    """Say what Slack would refuse, in the words of its answers.

    Parameters
    ----------
    blocks
        The ``blocks`` of a message: anything.

    Returns
    -------
    list of str
        What is wrong, each with where; empty for blocks that Slack takes.
    """
    if not isinstance(blocks, list):
        return ["must be an array [json-pointer:/blocks]"]
    found = [*_counted(blocks, _MOST_BLOCKS, "/blocks")]
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        if not isinstance(block, Mapping) or not isinstance(block.get("type"), str):
            found.append(f"missing required field: type [json-pointer:{where}]")
        else:
            found += _block(block, where)
    return found


def _block(block: Mapping[str, Any], where: str) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield from _text(block.get("text"), _HEADER, f"{where}/text", ("plain_text",))
        case "section":
            if "text" not in block and "fields" not in block:
                yield f"missing required field: text or fields [json-pointer:{where}]"
            if "text" in block:
                yield from _text(block["text"], _SECTION, f"{where}/text")
            if "fields" in block:
                yield from _texts(block["fields"], _MOST_FIELDS, _FIELD, f"{where}/fields")
        case "context":
            elements = block.get("elements")
            yield from _texts(elements, _MOST_ELEMENTS, _ELEMENT, f"{where}/elements")


def _texts(texts: Any, most: int, longest: int, where: str) -> Iterator[str]:
    if not isinstance(texts, list) or not texts:
        yield f"no fewer than 1 items required [json-pointer:{where}]"
        return
    yield from _counted(texts, most, where)
    for number, text in enumerate(texts):
        if not (isinstance(text, Mapping) and text.get("type") == "image"):
            yield from _text(text, longest, f"{where}/{number}")


def _text(
    text: Any, longest: int, where: str, kinds: Sequence[str] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, Mapping) or text.get("type") not in kinds:
        yield f"must be a text object of type {' or '.join(kinds)} [json-pointer:{where}]"
    elif not isinstance(text.get("text"), str) or not text["text"]:
        yield f"must be more than 0 characters [json-pointer:{where}/text]"
    # Slack counts as its clients do: an emoji has two units.
    elif len(text["text"].encode("utf-16-le", "surrogatepass")) // 2 > longest:
        yield f"must be less than {longest + 1} characters [json-pointer:{where}/text]"


def _counted(items: Sequence[Any], most: int, where: str) -> Iterator[str]:
    if len(items) > most:
        yield f"no more than {most} items allowed [json-pointer:{where}]"
