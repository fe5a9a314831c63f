package dev.espalier.task;

/** A question and the text that should hold its answer. */
public record Question(String question, String context) {}
