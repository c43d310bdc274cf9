"""What is kept: the database and its migrations, photo files, pictures made of them, and how full the disk is.

`records` and `reviews` are what an inspection and a decision are in Python; `tables` what they are in SQL. May import
`base`.
"""
