"""The search: its driver, and rooms for what it decides first, tries, runs on and keeps."""
