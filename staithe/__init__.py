"""staithe makes CentOS / Enterprise Linux hosts ready to run containers, and proves it."""

__version__ = "0.1.0"
