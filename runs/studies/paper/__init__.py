"""Quach and Munro (Phys. Rev. Applied 14, 024092, 2020) from their model: figures and claims.

The run definitions beside this file are like any user's. `evidence` carries them out; `panels`
says which panel shows what of them and `drawing` draws it; the `claims_*` modules measure each
statement of the paper, `appendix` derives its equations; `tables` writes, `command` is the glue.
"""
