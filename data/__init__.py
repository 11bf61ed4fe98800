"""Data of training and evaluation: reading, sampling and downloading of conversations, and files of resumable runs."""
