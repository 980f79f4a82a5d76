"""The one exception type for what a user can cause."""


class InputError(ValueError):
    """Bad input: one sentence that says what was wrong and what to do.

    The page shows the sentence, the client receives it, and the command line prints it and exits
    with 2. It never holds a path of the server.
    """
