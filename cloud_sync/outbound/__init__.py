"""Requests to other people's servers, at addresses that other people gave."""
