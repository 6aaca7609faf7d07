"""`darkbattery fit`: from measured traces to a device with errors."""
