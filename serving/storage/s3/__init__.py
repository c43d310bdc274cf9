"""Photos in a bucket of S3: how it is spoken to, what is looked at before it is trusted, and the copies kept here.

Needs the extra `s3`, which nothing here imports before a bucket is used.
"""
