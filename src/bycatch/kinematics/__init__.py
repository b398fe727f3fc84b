"""Four-vectors, clustering and substructure as functions of arrays: no files and no learning.

The simulation (`bycatch.events.simulate`) and the representations (`bycatch.represent`) both stand
on this room.
"""
