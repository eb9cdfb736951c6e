"""What tests share: command lines, planned grids, programs written independently, and what is drawn."""
