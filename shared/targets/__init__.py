"""The ERP that customers are written to: one folder for each."""
