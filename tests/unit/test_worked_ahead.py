"""Items worked out by a thread come in order, an error in its place, and nothing goes on that nobody wants."""

import threading

import pytest

from orchestration.worked_ahead import Ended, WorkedAhead


def nothing() -> None:
    """Stop nothing."""


def test_items_come_in_order_and_are_worked_out_before_they_are_asked_for():
    worked = []
    is_done = threading.Event()

    def items():
        for number in range(3):
            worked.append((number, threading.current_thread().name))
            yield number
        is_done.set()

    ahead = WorkedAhead(items(), nothing, "work")
    assert is_done.wait(20)  # though none was asked for
    assert list(ahead) == [0, 1, 2]
    assert worked == [(0, "work"), (1, "work"), (2, "work")]


def test_an_error_is_raised_after_what_came_before_it():
    def items():
        yield 1
        raise ValueError("no second")

    found = iter(WorkedAhead(items(), nothing, "work"))
    assert next(found) == 1
    with pytest.raises(ValueError, match="no second"):
        next(found)


@pytest.mark.parametrize("is_waiting", [True, False], ids=["while it waits", "between two items"])
def test_ended_it_finishes_what_is_under_way_and_no_more(is_waiting):
    worked, stopped, wanted = [], threading.Event(), threading.Event()
    closed = threading.Event()

    def items():
        try:
            yield "first"
            if is_waiting:
                assert stopped.wait(20)
                raise Ended
            assert wanted.wait(20)
            worked.append("second")
            yield "second"
            worked.append("third")
        finally:
            closed.set()

    def stop() -> None:
        stopped.set()
        wanted.set()

    ahead = WorkedAhead(items(), stop, "work")
    assert next(iter(ahead)) == "first"
    ahead.end()
    assert closed.is_set()
    assert worked == ([] if is_waiting else ["second"])
    ahead.end()  # again: there is nothing to wait for


def test_after_its_last_item_nothing_is_stopped():
    stopped = []
    ahead = WorkedAhead((number for number in range(2)), lambda: stopped.append(True), "work")
    assert list(ahead) == [0, 1]
    ahead._thread.join()
    ahead.end()
    assert stopped == []
