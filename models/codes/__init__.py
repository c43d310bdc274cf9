"""Codes in photos: barcodes read within a bound, and what their texts are (GTIN, serial number, IMEI)."""
