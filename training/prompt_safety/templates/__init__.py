"""Sentences written for this project, with slots: what the public sets lack, each harm beside its harmless twin."""
