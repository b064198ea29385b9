"""Programs for developers; nothing under `src` imports them."""
