"""Tables, figures and progress: how results are shown."""
