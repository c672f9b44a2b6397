"""The report: runs on disk to tables, figures and one page."""
