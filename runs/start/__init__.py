"""From an order to a result folder: begin, go on, extend, merge, replay."""
