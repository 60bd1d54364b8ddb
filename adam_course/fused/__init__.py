"""Adam at the speed of memory: the package's rules in place, and sweeps of thousands of runs.

`Fused` steps parameters where they stand.  Its loops are compiled by numba where that is
installed, and are NumPy in blocks where it is not.  The pure rules in `optimizers` remain
the definition: everything here is tested against them.
"""

from adam_course.fused.optimizer import Fused

__all__ = ["Fused"]
