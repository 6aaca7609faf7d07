"""`darkbattery plan`: what an experiment would see, from its data sheet."""
