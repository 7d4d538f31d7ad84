"""The operator's page on the stand: data that show something, a browser, and pictures for the docs."""
