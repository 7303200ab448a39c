"""The commands of `stoker`, one module per noun. They parse words, call a service and print; nothing is decided here."""
