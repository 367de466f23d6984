"""`/review`: what trust-and-safety people see and do, server-rendered, over the review desk.

Duty: sign-in, pages, forms. The desk has the rights, the locks and the record; nothing here decides. Needs no
script to work; the little that there is adds keys, clocks and pictures that show while a key is held.
"""
