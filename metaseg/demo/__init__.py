"""The demo: the only wing that knows gradio. Begin with page.py."""
