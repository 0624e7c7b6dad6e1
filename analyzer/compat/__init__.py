"""Functions with the names, arguments and results of other tools: a script changes its import line, and nothing else.

Each gives the right number in the tool's own unit and convention; with ``faithful=True``, the number that the tool
itself prints. No model is run, none is changed, and the tool need not be installed.
"""
