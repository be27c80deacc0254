"""The console: what a person sees in a browser. One module a screen, one template each, and no logic."""
