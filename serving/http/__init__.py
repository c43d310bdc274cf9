"""The application over HTTP: what is asked for, by whom, and the documents that answer.

May import every wing but `cli` and `demo`; nothing but these two imports it.
"""
