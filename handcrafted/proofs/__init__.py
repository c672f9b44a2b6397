"""Proofs that the networks are exact: by enumeration, by lemmas for every size, by mutation."""

__all__ = ["cases", "claims", "lemmas", "scene_generator_lemmas", "symbolic", "two_object_lemmas"]
