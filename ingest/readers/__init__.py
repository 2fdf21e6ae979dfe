"""Formats that several publishers share: workbooks, CSV, HTML, fund files, daily bars."""
