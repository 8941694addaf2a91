"""What figures, verdicts and charts are made by: `python -m unittest discover -s bench -t bench`."""
