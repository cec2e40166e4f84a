"""placeholder

examples:
  x
"""
