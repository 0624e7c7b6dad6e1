"""Speed and growth of flopgraph, side by side with other tools: ``python -m benchmarks --help``."""
