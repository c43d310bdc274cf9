"""Photo files: what they are made of, found before a pixel is decoded, and decoding that can be ended.

`structure` says how much work a file will be and refuses what is out of proportion; `jpeg`, `png` and `webp` know the
formats; `helper` decodes in a process of its own what could take long. Imports nothing else of regrade but errors.
"""
