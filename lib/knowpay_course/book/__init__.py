"""The book: render.py builds it, staging.py puts its source together, pages.py and templates/ generate pages of it."""
