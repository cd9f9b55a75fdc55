from __future__ import annotations

import os
import time
from typing import Any

import pytest

from ofa_export.errors import RuntimeFailedError

ECHO = "while True: reply(receive())"


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_requests_of_any_size_are_answered(start: Any) -> None:
    child = start(ECHO)
    for request in (b"", b"x", bytes(range(256)) * 20_000):
        assert child.ask(request, doing="it echoed") == request


def test_a_refusal_is_an_error_with_its_text_and_the_process_goes_on(start: Any) -> None:
    child = start('receive(); reply("op 9 is unknown\\n".encode(), 1)\n' + ECHO)
    with pytest.raises(RuntimeFailedError, match=r"^The toy runtime failed while it loaded: op 9 is unknown$"):
        child.ask(b"", doing="it loaded")
    assert child.ask(b"again", doing="it echoed") == b"again"


def test_a_crash_is_an_error_that_names_signal_request_and_last_words(start: Any) -> None:
    child = start('receive(); print("corrupted", flush=True); os.kill(os.getpid(), signal.SIGSEGV)')
    with pytest.raises(RuntimeFailedError) as caught:
        child.ask(b"", doing="it ran graph adapt")
    assert str(caught.value) == "The toy runtime ended its process while it ran graph adapt (SIGSEGV): corrupted"
    assert gone(child.pid)


def test_an_end_in_the_middle_of_an_answer_is_an_error(start: Any) -> None:
    child = start('receive(); connection.sendall(struct.pack(">I", 100) + b"half"); sys.exit(3)')
    with pytest.raises(RuntimeFailedError, match=r"ended its process while it ran \(exit code 3\)\.$"):
        child.ask(b"", doing="it ran")


def test_a_hang_ends_at_the_time_limit(start: Any) -> None:
    child = start("receive(); time.sleep(60)", time_limit_s=0.5)
    before = time.monotonic()
    with pytest.raises(RuntimeFailedError, match=r"did not answer within 0\.5 seconds while it ran"):
        child.ask(b"", doing="it ran")
    assert time.monotonic() - before < 5
    assert gone(child.pid)


def test_a_process_that_takes_no_request_hangs_too(start: Any) -> None:
    child = start("time.sleep(60)", time_limit_s=0.5)
    with pytest.raises(RuntimeFailedError, match="did not answer"):
        child.ask(bytes(50_000_000), doing="it ran")


def test_a_program_that_does_not_start_is_an_error(start: Any) -> None:
    child = start("sys.exit('no library')")
    with pytest.raises(RuntimeFailedError, match=r"exit code 1.*no library"):
        child.ask(b"", doing="it loaded")


def test_closing_ends_the_process_and_may_be_repeated(start: Any) -> None:
    child = start(ECHO)
    child.ask(b"", doing="it echoed")
    assert child.close() == 0
    assert child.close() == 0
    assert gone(child.pid)


def test_what_it_prints_disturbs_no_answer(start: Any, capfd: pytest.CaptureFixture[str]) -> None:
    child = start('print("chatter", flush=True); os.write(2, b"more");' + "reply(receive())")
    assert child.ask(b"answer", doing="it echoed") == b"answer"
    assert capfd.readouterr() == ("", "")
