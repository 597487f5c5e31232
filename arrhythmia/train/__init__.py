"""Training on DS1: from records and simulated records to a network, one of several, or folds.

``settings`` says how, ``simulate`` makes rare beats by their mechanism, ``batches`` draws from
real and simulated records, ``fit`` trains one network, ``ensemble`` several that become one, and
``folds`` is record-wise cross-validation.
"""
