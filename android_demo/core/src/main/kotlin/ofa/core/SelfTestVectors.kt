package ofa.core

/** Real histories with the outputs of the reference; shapes as in docs/bundle-format.md. */
public class SelfTestVectors internal constructor(public val cases: Int)
