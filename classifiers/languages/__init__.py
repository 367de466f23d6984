"""Which language the words of a text are in: evidence word by word, passages, and texts cut by them."""
