"""Panels in buckets: one kernel over one bucket at a time, on this machine or on workers that others started.

A bucket is a part of a table that the kernel needs whole (all sessions of some stocks, one chain) and that no other
bucket touches. Workers read their buckets themselves, from one snapshot of the lake, and write Parquet beside it; they
never commit. What they wrote counts from the moment at which the caller registers all of it in one transaction, so a
worker or a whole engine that dies leaves files that nobody reads.

`run_buckets` is the way in. The kernel is a plain function from frame to frame and knows nothing of engines.
"""

from analytics.engines.buckets import BUCKETS, bucket_of
from analytics.engines.fingerprint import Fingerprint
from analytics.engines.run import run_buckets
from analytics.engines.work import BucketFile, Kernel, Reader

__all__ = ["BUCKETS", "BucketFile", "Fingerprint", "Kernel", "Reader", "bucket_of", "run_buckets"]
