"""The test bed: real archives, a real FHIR server and the gateway before them, all on loopback.

Whatever a bed starts is a child process of the one that made it, keeps its state in one folder, and ends with it.
`python -m bed` runs a bed for a person; the end-to-end tests use the same classes as fixtures.
"""
