"""Labelled conversations: reading, sampling and downloading the data that training and evaluation use."""
