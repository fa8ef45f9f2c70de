"""Checks a bundle on a host that trusts nothing yet: standard library of Python 3.9, and openssl.

A second implementation of the format, on purpose: it shares no line with the installer, so that an
error of one is not an error of both. It installs nothing and writes nothing but a private folder.
"""
