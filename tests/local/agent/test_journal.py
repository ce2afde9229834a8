import pytest

from local.agent.journal import Journal


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def journal(written) -> Journal:
    return Journal(written.append, {"hunter2", "hunter2-longer", "one\ntwo three\n}\n", "ab"})


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"a hunter2 b\n"], ["a *** b"]),
        ([b"a hun", b"ter2 b\n"], ["a *** b"]),
        ([b"hunter2-longer\n"], ["***"]),
        ([b"xhunter2x hunter2\n"], ["x***x ***"]),
        ([b"  two three \n", b"one\n"], ["  *** ", "***"]),
        # Shorter than three characters: nothing to protect, and much to lose.
        ([b"ab }\n"], ["ab }"]),
        ([b"key AKIAIOSFODNN7EXAMPLE.\n"], ["key ***."]),
        ([b"crlf\r\n", b"\n", b"\xff\n"], ["crlf", "", "\ufffd"]),
    ],
)
def test_output_is_masked_in_whole_lines(pieces, lines, journal, written):
    for piece in pieces:
        journal.output(piece)

    assert written == lines


def test_a_line_without_an_end_is_written_at_last(journal, written):
    journal.output(b"tail hunter2")
    assert written == []
    journal.flush()
    journal.flush()

    assert written == ["tail ***"]


def test_a_line_that_never_ends_is_written_without_cutting_a_secret(journal, written):
    secret = b"long-secret" * 20
    journal.hide([secret.decode()])
    for _ in range(3):
        journal.output(b"." * 65_400 + secret[:150])
        journal.output(secret[150:])
    journal.flush()

    text = "".join(written)
    assert len(written) > 1
    assert text.count("***") == 3
    assert "secret" not in text
    assert text.count(".") == 3 * 65_400


def test_a_secret_beyond_ascii_that_arrives_in_pieces_is_masked(journal, written):
    journal.hide(["pässwörd"])
    secret = "pässwörd".encode()
    # Between the two bytes of the first umlaut, in a line that is already too long.
    journal.output(b"." * 70_000 + secret[:2])
    journal.output(secret[2:] + b"\n")

    assert "".join(written) == "." * 70_000 + "***"


def test_a_secret_as_long_as_the_longest_line_does_not_hold_up_the_log(journal, written):
    journal.hide(["x" * 60_000])
    journal.output("é".encode() * 40_000)
    journal.flush()

    assert "".join(written) == "é" * 40_000


def test_the_agent_s_own_lines_are_masked(journal, written):
    journal.agent("Running command login hunter2\n  --password hunter2-longer")

    assert written[0].endswith("Running command login ***")
    assert written[1] == "  --password ***"


def test_what_is_hidden_later_is_hidden_from_then_on(journal, written):
    journal.output(b"later\n")
    journal.hide(["later", "(regular|expression)"])
    journal.output(b"later (regular|expression) regular\n")

    assert written == ["later", "*** *** regular"]


def test_masks_reach_messages_of_phases(build):
    result = build(
        "version: 0.2\nphases: {build: {commands: ['echo hunter2; exit 1']}}",
        secrets=frozenset({"hunter2"}),
    )

    assert "hunter2" not in build.log
    assert "hunter2" not in repr(result)
    assert "echo ***; exit 1" in result.phases[3].message
