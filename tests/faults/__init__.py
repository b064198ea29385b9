"""What happens when things break: one file a fault or a pair of kin, each case with its bound, its figures printed.

Start in `conftest.py`, which checks after every case what has to hold after all of them.
"""
