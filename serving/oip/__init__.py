"""The Open Inference Protocol (KServe v2), free of HTTP: requests and answers as tensors, in JSON and in binary.

Clients that speak it to any model server can have items judged here, by the networks, the turns at the cores and the
limits of every other item, with nothing stored and nothing decided.

Sources: the protocol's `inference_rest` page of the Open Inference Protocol, and Triton's binary tensor data extension.
"""
