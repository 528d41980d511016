"""Forecasts with a distribution, and the stock levels that follow from them (docs/demand.md).

Arithmetic on numpy arrays over all items of a warehouse at once; no files, clock or chance.
`job.answer_job` is the door for other processes; inside one, `fit` and `stock_levels`.
"""
