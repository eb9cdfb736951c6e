"""What results are shown as: tables, the comparison of two folders, verification, and pages."""
