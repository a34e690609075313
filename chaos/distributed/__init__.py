"""A sweep over a Dask cluster: the caller's side and the worker's. Imports nothing: dask is an extra."""
