"""The project's own tools: what the build, the Makefile and the tests share. Not installed."""
