"""What the service and the process that reads codes for it agree on; it imports nothing that is slow to load."""

import struct
from collections.abc import Mapping
from typing import Final

FORMATS: Final[Mapping[str, str]] = {
    "EAN13": "ean_13",
    "EAN8": "ean_8",
    "UPCA": "upc_a",
    "UPCE": "upc_e",
    "Code128": "code_128",
    "ITF": "itf",
    "QRCode": "qr_code",
    "DataMatrix": "data_matrix",
}
"""What ZXing calls them → what codes here do."""
MOST: Final = 16
"""Codes of a photo that are kept."""
LONGEST: Final = 512
"""Characters of a text that are kept; what is longer is cut, and says so."""
REQUEST: Final = struct.Struct("<IId")
"""Rows, columns, core-seconds; rows × columns bytes of grey follow."""
ANSWER: Final = struct.Struct("<I")
"""Bytes of JSON that follow."""
