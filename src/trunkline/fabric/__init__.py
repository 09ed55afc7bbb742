"""Floor 7, fabric: the loop, its clock, cables and faults: what moves packets between hosts."""
