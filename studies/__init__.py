"""What was tried and measured on the way to the shipped model: ``python -m studies --list``.

The studies import the package; the package imports none of them. Networks are compared on DS1 by
record-wise cross-validation; DS2 is not used. Results are in ``studies/results``, and a study that
is stored there is shown, not run again.
"""
