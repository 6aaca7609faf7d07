"""Run definitions: TOML and what it names -> frozen dataclasses, every key checked."""
