"""Spreadsheet files, read and written."""
