"""Work that goes on in a thread while its results are taken one by one.

Dagster keeps what a step tells it, event by event, for as long as the work behind the next one takes: a landing waits
for the database, Dagster for the interpreter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")


class Ended(BaseException):
    """Whoever wanted the results wants no more: no error of the work."""


_NO_MORE: Final = Ended()


class WorkedAhead(Generic[Item]):
    """The items of a generator, which a thread of its own works out, as fast as it can.

    An error is raised in place of the item that it prevented; nothing is worked out after it.
    """

    def __init__(self, items: Generator[Item], stop: Callable[[], None], name: str) -> None:
        """Begin. `stop` is to end what an item waits for, by Ended."""
        self._items, self._stop = items, stop
        self._found: SimpleQueue[tuple[Item] | BaseException] = SimpleQueue()
        self._is_wanted = True
        # A daemon: who interrupts a run twice does not wait for it.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Item]:
        """Yield the items in order, each once it is there."""
        while True:
            found = self._found.get()
            if found is _NO_MORE:
                return
            if isinstance(found, BaseException):
                raise found
            yield found[0]

    def end(self) -> None:
        """Have no more items worked out, and wait for the one that is under way."""
        self._is_wanted = False
        if self._thread.is_alive():
            self._stop()
            self._thread.join()

    def _work(self) -> None:
        try:
            for item in self._items:
                self._found.put((item,))
                if not self._is_wanted:
                    self._items.close()
            self._found.put(_NO_MORE)
        except BaseException as error:  # noqa: BLE001 - raised where its item is asked for
            self._found.put(error)
