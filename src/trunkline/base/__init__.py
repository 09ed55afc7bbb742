"""Floor 0: time, timers, addresses, dice, buffers and results; what every other floor stands on."""
