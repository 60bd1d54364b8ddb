"""The progress bar of everything that may take long."""

from contextlib import contextmanager


@contextmanager
def progress_bar(total, unit, shown):
    """A bar that is closed however its block ends; it gives the function that advances it.

    Parameters
    ----------
    total : int
    unit : str
        What is counted.
    shown : bool
        If not, there is no bar, and advancing does nothing.

    Examples
    --------
    >>> with progress_bar(3, "step", shown=False) as advance:
    ...     advance()
    """
    if not shown:
        yield lambda count=1: None
        return
    from tqdm.auto import tqdm

    bar = tqdm(total=total, unit=unit, leave=False)
    try:
        yield bar.update
    finally:
        bar.close()
