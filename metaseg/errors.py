"""The one exception type for what a user can cause."""

from collections.abc import Callable
from typing import Any


class InputError(ValueError):
    """Bad input: one sentence that says what was wrong and what to do.

    The page shows the sentence, the client receives it, and the command line prints it and exits
    with 2. It never holds a path of the server.
    """


def together(*steps: Callable[[], Any]) -> list[Any]:
    """What each of ``steps`` returns.

    Every step is taken even where an earlier one fails, and one InputError then says all that is
    wrong, so that nobody mends one fault only to meet the next.
    """
    results, faults = [], []
    for step in steps:
        try:
            results.append(step())
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("\n".join(faults))
    return results
