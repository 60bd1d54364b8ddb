"""What every test module shares: one thread, no display, and the same examples every time."""

import os

# Before anything loads NumPy, torch or Matplotlib.  With one thread torch adds numbers
# in one order only, and is faster on arrays as small as these.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import matplotlib
from hypothesis import settings

# Not by MPLBACKEND, which the notebooks' kernels would inherit and lose their figures.
matplotlib.use("agg")

# derandomize: the same examples in every run, so that a failure is everyone's failure.
settings.register_profile("course", derandomize=True, deadline=None, database=None, max_examples=50)
settings.load_profile("course")
