"""A second opinion on every plan: the model restated from its description alone.

Nothing here imports the product. A mistake would have to be made twice, in two different
programs, to go unseen. Standard library only, written to be read rather than to be fast.
"""
