"""The demo: a lab and its programs. They are ordinary Python and know nothing of Trunkline."""
