"""Proofs that the networks are exact: by enumeration, by lemmas for every size, by mutation."""
